namespace Harness.Isa.Instructions;

/// <summary>LMSW: MP, EM and TS from the source; PE can be set, not cleared.</summary>
[Encodings(Code.Lmsw_rm16, Code.Lmsw_r32m16)]
[Instruction(Privilege.Supervisor)]
public readonly struct Lmsw : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const uint Loaded = Cr0.MP | Cr0.EM | Cr0.TS;
        if (!Operand.Read(ref port, in instruction, 0, out ushort source))
        {
            return false;
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.Lmsw, instruction.Op0Kind == OpKind.Memory ? 1u : 0, source))
        {
            return false;
        }

        return ControlWrite.SetCr0(ref port, (port.System.Cr0 & ~Loaded) | (source & (Loaded | Cr0.PE)));
    }
}
