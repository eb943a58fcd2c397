namespace Harness.Isa.Instructions;

/// <summary>PUSH of a general register, memory or an immediate. PUSH ESP pushes the old value.</summary>
[Encodings(Code.Push_r16, Code.Push_r32, Code.Push_imm16, Code.Pushd_imm32, Code.Pushw_imm8, Code.Pushd_imm8, Code.Push_rm16, Code.Push_rm32)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Push : ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (IsWide(instruction.Code))
        {
            return Operand.Read(ref port, in instruction, 0, out uint value) && Stack.Push(ref port, value);
        }

        return Operand.Read(ref port, in instruction, 0, out ushort narrow) && Stack.Push(ref port, narrow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsWide(Code code) => code is Code.Push_r32 or Code.Pushd_imm32 or Code.Pushd_imm8 or Code.Push_rm32;
}
