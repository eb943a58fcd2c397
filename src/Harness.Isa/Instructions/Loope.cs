namespace Harness.Isa.Instructions;

/// <summary>LOOPE: counts CX or ECX down, by the address size.</summary>
[Encodings(Code.Loope_rel8_16_CX, Code.Loope_rel8_32_CX, Code.Loope_rel8_16_ECX, Code.Loope_rel8_32_ECX)]
[Instruction(Privilege.None)]
public readonly struct Loope : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool wide = instruction.Code is Code.Loope_rel8_16_ECX or Code.Loope_rel8_32_ECX;
        ref uint ecx = ref port.Gpr(1);
        uint count = wide ? ecx - 1 : (ushort)(ecx - 1);
        ecx = wide ? count : (ecx & 0xFFFF0000) | count;
        return !(count != 0 && (port.StatusFlags.Status & Eflags.ZF) != 0) || Operand.Branch(ref port, Operand.BranchTarget(ref port, in instruction));
    }
}
