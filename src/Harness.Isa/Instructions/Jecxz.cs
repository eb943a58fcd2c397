namespace Harness.Isa.Instructions;

/// <summary>JECXZ.</summary>
[Encodings(Code.Jecxz_rel8_16, Code.Jecxz_rel8_32)]
[Instruction(Privilege.None)]
public readonly struct Jecxz : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return port.Gpr(1) != 0 || Operand.Branch(ref port, Operand.BranchTarget(ref port, in instruction));
    }
}
