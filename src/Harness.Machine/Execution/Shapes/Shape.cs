using System.Collections.Concurrent;

namespace Harness.Machine.Shapes;

/// <summary>
/// The plumbing of all instructions with the same operands: how to fetch, compute and commit. The meaning is the operation's alone.
/// </summary>
internal abstract class Shape
{
    // Each decoded instruction asks two to four times, and the runtime's own search is slow.
    private static readonly ConcurrentDictionary<(Type Open, Type First, Type? Second, Type? Third, Type? Fourth), Type> Closed = new();

    /// <summary>The body, block end or class with a Run of its own for these operands.</summary>
    public abstract Type Select(in Instruction i);

    /// <summary>Whether the instruction is the last of its block.</summary>
    public virtual bool EndsBlock(in Instruction i) => false;

    /// <summary>Whether it can tell what EFLAGS.RF is, or repeats itself under it.</summary>
    public virtual bool SeesResumeFlag => false;

    /// <summary>Whether it may be fused with the branch after it: it writes no memory, which could be code.</summary>
    public virtual bool MayFuse(in Instruction i) => false;

    protected static Type Close(Type open, Type first, Type? second = null, Type? third = null, Type? fourth = null) =>
        Closed.GetOrAdd((open, first, second, third, fourth), static key => key.Open.MakeGenericType([.. new[] { key.First, key.Second, key.Third, key.Fourth }.OfType<Type>()]));

    protected static Type WidthOf(in Instruction i) =>
        WidthFromBytes(i.Op0Kind == OpKind.Register ? i.Op0Register.GetSize() : i.MemorySize.GetSize());

    protected static Type WidthFromBytes(int bytes) => bytes switch
    {
        1 => typeof(byte),
        2 => typeof(ushort),
        4 => typeof(uint),
        _ => throw new InvalidOperationException($"no integer operand has {bytes} bytes"),
    };

    /// <summary>Where an operand is. <paramref name="slot"/> is the register slot that decoding filled for it.</summary>
    protected static Type Operand(in Instruction i, int index, int slot) => i.GetOpKind(index) switch
    {
        OpKind.Register => slot == 0 ? typeof(Register0) : typeof(Register1),
        OpKind.Memory => Close(typeof(InMemory<>), AddressSize(i)),
        _ => typeof(Immediate),
    };

    protected static Type AddressSize(in Instruction i) => Decoding.IsAddress16(i) ? typeof(Address16) : typeof(Address32);
}
