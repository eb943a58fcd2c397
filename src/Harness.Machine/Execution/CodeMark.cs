namespace Harness.Machine;

/// <summary>
/// What a translator says of an instruction that it has written, where one instruction of its guest became several: whether the guest's clock counts it, and which
/// counter does. An instruction without a mark takes one tick.
/// </summary>
public static class CodeMark
{
    /// <summary>Counters by number, from 1.</summary>
    public const int Counters = 16;

    /// <summary>An instruction of the translator's own that takes no tick.</summary>
    public const byte Hidden = 1;

    private const int CounterShift = 1;

    /// <summary>An instruction, within a block and without a fault, that a counter counts and that takes no tick.</summary>
    public static byte Counting(int counter) => (byte)(counter << CounterShift | Hidden);

    internal static int Ticks(byte mark) => (mark & Hidden) == 0 ? 1 : 0;

    internal static int Counter(byte mark) => mark >> CounterShift;
}

/// <summary>Handler of an instruction that has a counter: it counts, and hands over to the instruction's own.</summary>
internal static unsafe class Counted
{
    /// <summary>Takes the place of the op's handler, which moves to where an op that does not end its block keeps nothing.</summary>
    public static void Wrap(Op* op, Type type)
    {
        if (!Handlers.IsBody(type))
        {
            throw new InvalidOperationException($"{*op->Instruction} ends its block and cannot be counted.");
        }

        op->Taken = (Op*)op->Handler;
        op->Handler = (delegate*<Cpu*, Op*, Op*>)Handlers.For(typeof(Counted));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Op* Run(Cpu* cpu, Op* op)
    {
        cpu->Counts[CodeMark.Counter(op->Mark)]++;
        return ((delegate*<Cpu*, Op*, Op*>)op->Taken)(cpu, op);
    }
}
