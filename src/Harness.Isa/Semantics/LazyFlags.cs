namespace Harness.Isa;

/// <summary>The six status flags, kept as the values that they are computed from. Everything is sign-extended, so no width is kept.</summary>
public struct LazyFlags : IFlags
{
    private const uint CarryBit = 0x01;
    private const uint ParityBit = 0x04;
    private const long AdjustBit = 0x10;
    private const uint SignBit = 0x80;

    /// <summary>The last result, which gives ZF, SF and PF.</summary>
    private long _result;

    /// <summary>left + right = result as far as bit 4 (AF) and the sign (OF) can tell; other bits mean nothing.</summary>
    private long _left;
    private long _right;

    /// <summary>CF in bit 0. Bits 2 and 7 invert PF and SF where POPF or SAHF contradicts the result; all else clears them.</summary>
    private uint _carry;

    public readonly bool CF => (_carry & CarryBit) != 0;
    public readonly bool PF => ((BitOperations.PopCount((byte)_result) & 1) == 0) ^ ((_carry & ParityBit) != 0);
    public readonly bool AF => ((_left ^ _right ^ _result) & AdjustBit) != 0;
    public readonly bool ZF => _result == 0;
    public readonly bool SF => (_result < 0) ^ ((_carry & SignBit) != 0);
    public readonly bool OF => ((_left ^ _result) & (_right ^ _result)) < 0;

    /// <summary>All six in their places in EFLAGS, put together without a branch: traps and returns need them often.</summary>
    public readonly uint Status
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            uint even = (uint)~BitOperations.PopCount((byte)_result) << 2 & Eflags.PF;
            uint adjust = (uint)(_left ^ _right ^ _result) & Eflags.AF;
            uint sign = (uint)((ulong)_result >> 56) & Eflags.SF;
            uint overflow = (uint)((ulong)((_left ^ _result) & (_right ^ _result)) >> 63) << 11;
            return ((even | sign) ^ _carry) | adjust | overflow | (_result == 0 ? Eflags.ZF : 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetSum<T>(T left, T right, T result, bool carry) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = Width.SignExtend(left);
        _right = Width.SignExtend(right);
        _carry = carry ? CarryBit : 0;
    }

    /// <summary>left - right is left + ~right + 1, whose carry into bit 4 is the inverse of the borrow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetDifference<T>(T left, T right, T result, bool borrow) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = Width.SignExtend(left);
        _right = Width.SignExtend(right) ^ ~AdjustBit;
        _carry = borrow ? CarryBit : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetIncrement<T>(T value, T result) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = Width.SignExtend(value);
        _right = 1;
        _carry &= CarryBit;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetDecrement<T>(T value, T result) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = Width.SignExtend(value);
        _right = 1 ^ ~AdjustBit;
        _carry &= CarryBit;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetLogic<T>(T result) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = _result;
        _right = 0;
        _carry = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetShift<T>(T result, bool carry, long overflow) where T : unmanaged
    {
        _result = Width.SignExtend(result);
        _left = _result ^ overflow;
        _right = _left ^ (_result & AdjustBit);
        _carry = carry ? CarryBit : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetRotate(bool carry, long overflow)
    {
        long adjust = _left ^ _right;
        _left = _result ^ overflow;
        _right = _left ^ (adjust & AdjustBit);
        SetCarry(carry);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetCarry(bool carry)
    {
        _carry = (_carry & ~CarryBit) | (carry ? CarryBit : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetStatus(uint status)
    {
        // A result of 0 has PF, a result of 1 has not; neither has SF.
        _result = ~status >> 6 & 1;
        _left = _result ^ (long)(status & Eflags.OF) << 52;
        _right = _left ^ ((_result ^ status) & AdjustBit);
        _carry = (status & (CarryBit | SignBit | ParityBit)) ^ (status & Eflags.ZF) >> 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void CopyTo(ref LazyFlags other)
    {
        other._result = _result;
        other._left = _left;
        other._right = _right;
        other._carry = _carry;
    }

    public readonly void Undefined(uint mask)
    {
    }
}
