namespace Harness.Isa.Instructions;

/// <summary>JCXZ.</summary>
[Encodings(Code.Jcxz_rel8_16, Code.Jcxz_rel8_32)]
[Instruction(Privilege.None)]
public readonly struct Jcxz : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return (ushort)port.Gpr(1) != 0 || Operand.Branch(ref port, Operand.BranchTarget(ref port, in instruction));
    }
}
