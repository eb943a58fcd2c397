namespace Harness.Isa.Instructions;

/// <summary>LOOP: counts CX or ECX down, by the address size.</summary>
[Encodings(Code.Loop_rel8_16_CX, Code.Loop_rel8_32_CX, Code.Loop_rel8_16_ECX, Code.Loop_rel8_32_ECX)]
[Instruction(Privilege.None)]
public readonly struct Loop : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool wide = instruction.Code is Code.Loop_rel8_16_ECX or Code.Loop_rel8_32_ECX;
        ref uint ecx = ref port.Gpr(1);
        uint count = wide ? ecx - 1 : (ushort)(ecx - 1);
        ecx = wide ? count : (ecx & 0xFFFF0000) | count;
        return count == 0 || Operand.Branch(ref port, Operand.BranchTarget(ref port, in instruction));
    }
}
