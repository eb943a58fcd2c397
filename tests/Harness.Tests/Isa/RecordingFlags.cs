using Harness.Isa;

namespace Harness.Tests.Isa;

/// <summary>Flags that also remember which of their bits the last instruction left undefined.</summary>
public struct RecordingFlags : IFlags
{
    private LazyFlags _flags;

    public RecordingFlags(uint status) => _flags.SetStatus(status);

    public uint UndefinedMask { get; private set; }
    public readonly bool CF => _flags.CF;
    public readonly bool AF => _flags.AF;
    public readonly uint Status => _flags.Status;

    public void SetSum<T>(T left, T right, T result, bool carry) where T : unmanaged => _flags.SetSum(left, right, result, carry);

    public void SetDifference<T>(T left, T right, T result, bool borrow) where T : unmanaged => _flags.SetDifference(left, right, result, borrow);

    public void SetIncrement<T>(T value, T result) where T : unmanaged => _flags.SetIncrement(value, result);

    public void SetDecrement<T>(T value, T result) where T : unmanaged => _flags.SetDecrement(value, result);

    public void SetLogic<T>(T result) where T : unmanaged => _flags.SetLogic(result);

    public void SetShift<T>(T result, bool carry, long overflow) where T : unmanaged => _flags.SetShift(result, carry, overflow);

    public void SetRotate(bool carry, long overflow) => _flags.SetRotate(carry, overflow);

    public void SetCarry(bool carry) => _flags.SetCarry(carry);

    public void SetStatus(uint status) => _flags.SetStatus(status);

    public void Undefined(uint mask) => UndefinedMask |= mask;
}
