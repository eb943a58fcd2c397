namespace Harness.Isa.Instructions;

/// <summary>LEAVE: the stack pointer from the frame pointer, at the width of the stack, then pops the frame pointer.</summary>
[Encodings(Code.Leavew, Code.Leaved)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Leave : ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        Stack.SetPointer(ref port, port.Gpr(5));
        if (instruction.Code == Code.Leaved)
        {
            return Stack.Pop(ref port, out port.Gpr(5));
        }

        bool done = Stack.Pop(ref port, out ushort frame);
        Operand.WriteRegister(ref port, Register.BP, frame);
        return done;
    }
}
