namespace Harness.Isa;

/// <summary>
/// Where pure semantics leave the status flags: <see cref="LazyFlags"/> keeps them, a recording sink of the tests also learns which are undefined.
/// </summary>
public interface IFlags
{
    bool CF { get; }
    bool AF { get; }

    /// <summary>left + right, with or without a carry in, gave result.</summary>
    void SetSum<T>(T left, T right, T result, bool carry) where T : unmanaged;

    /// <summary>left - right, with or without a borrow in, gave result.</summary>
    void SetDifference<T>(T left, T right, T result, bool borrow) where T : unmanaged;

    /// <summary>INC: all but CF.</summary>
    void SetIncrement<T>(T value, T result) where T : unmanaged;

    /// <summary>DEC: all but CF.</summary>
    void SetDecrement<T>(T value, T result) where T : unmanaged;

    /// <summary>ZF, SF and PF from the result; CF and OF clear; AF clear, which is this project's choice where it is undefined.</summary>
    void SetLogic<T>(T result) where T : unmanaged;

    /// <summary>ZF, SF and PF from the result; AF clear; OF is the sign of <paramref name="overflow"/>.</summary>
    void SetShift<T>(T result, bool carry, long overflow) where T : unmanaged;

    /// <summary>CF, and OF as the sign of <paramref name="overflow"/>; the others stay.</summary>
    void SetRotate(bool carry, long overflow);

    /// <summary>CF; the others stay.</summary>
    void SetCarry(bool carry);

    /// <summary>All six, as bits of <see cref="Eflags"/>.</summary>
    void SetStatus(uint status);

    /// <summary>The six status flags as bits of <see cref="Eflags"/>.</summary>
    uint Status { get; }

    /// <summary>The manual leaves these bits of <see cref="Eflags"/> undefined after what was set last.</summary>
    void Undefined(uint mask);
}
