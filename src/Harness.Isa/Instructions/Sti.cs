namespace Harness.Isa.Instructions;

/// <summary>STI: interrupts stay held back until the next instruction is done.</summary>
[Encodings(Code.Sti)]
[Instruction(Privilege.Iopl)]
public readonly struct Sti : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FlagWrite.SetInterruptFlag(ref port, true);
    }
}
