namespace Harness.Isa.Instructions;

/// <summary>WAIT: #NM when CR0.MP and CR0.TS are set.</summary>
[Encodings(Code.Wait)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Wait : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        const uint Monitored = Cr0.MP | Cr0.TS;
        return (port.System.Cr0 & Monitored) != Monitored || port.Fault(Vector.NM);
    }
}
