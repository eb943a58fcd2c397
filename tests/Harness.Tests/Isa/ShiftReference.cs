using Harness.Isa;
using static Harness.Tests.Isa.Reference;

namespace Harness.Tests.Isa;

/// <summary>Shifts and rotates one step at a time, as the loops in the manual's operation sections (SDM Vol. 2B).</summary>
public static class ShiftReference
{
    private const int CountMask = 0x1F;

    public static Outcome Shl(int bits, ulong value, byte encoded, uint status) => Shift(bits, value, encoded, status, left: true, signed: false);

    public static Outcome Shr(int bits, ulong value, byte encoded, uint status) => Shift(bits, value, encoded, status, left: false, signed: false);

    public static Outcome Sar(int bits, ulong value, byte encoded, uint status) => Shift(bits, value, encoded, status, left: false, signed: true);

    public static Outcome Rol(int bits, ulong value, byte encoded, uint status)
    {
        int count = encoded & CountMask;
        for (int left = count % bits; left != 0; left--)
        {
            bool top = Bit(value, bits - 1);
            value = (value * 2 & Operands.Mask(bits)) + (top ? 1ul : 0);
        }

        bool carry = count != 0 ? Bit(value, 0) : (status & Eflags.CF) != 0;
        return Rotated(value, status, count, carry, Bit(value, bits - 1) ^ carry);
    }

    public static Outcome Ror(int bits, ulong value, byte encoded, uint status)
    {
        int count = encoded & CountMask;
        for (int left = count % bits; left != 0; left--)
        {
            bool bottom = Bit(value, 0);
            value = value / 2 + (bottom ? 1ul << (bits - 1) : 0);
        }

        bool carry = count != 0 ? Bit(value, bits - 1) : (status & Eflags.CF) != 0;
        return Rotated(value, status, count, carry, Bit(value, bits - 1) ^ Bit(value, bits - 2));
    }

    public static Outcome Rcl(int bits, ulong value, byte encoded, uint status)
    {
        bool carry = (status & Eflags.CF) != 0;
        for (int left = ThroughCarry(bits, encoded); left != 0; left--)
        {
            bool top = Bit(value, bits - 1);
            value = (value * 2 & Operands.Mask(bits)) + (carry ? 1ul : 0);
            carry = top;
        }

        return Rotated(value, status, encoded & CountMask, carry, Bit(value, bits - 1) ^ carry);
    }

    public static Outcome Rcr(int bits, ulong value, byte encoded, uint status)
    {
        bool carry = (status & Eflags.CF) != 0;
        bool overflow = Bit(value, bits - 1) ^ carry;
        for (int left = ThroughCarry(bits, encoded); left != 0; left--)
        {
            bool bottom = Bit(value, 0);
            value = value / 2 + (carry ? 1ul << (bits - 1) : 0);
            carry = bottom;
        }

        return Rotated(value, status, encoded & CountMask, carry, overflow);
    }

    public static Outcome Shld(int bits, ulong value, ulong filler, byte encoded, uint status)
    {
        int count = encoded & CountMask;
        ulong result = 0;
        for (int i = bits - 1; i >= 0; i--)
        {
            bool bit = i >= count ? Bit(value, i - count) : Bit(filler, (i - count + bits) & (bits - 1));
            result |= (bit ? 1ul : 0) << i;
        }

        return DoubleShifted(bits, value, result, status, count, carryFrom: bits - count);
    }

    public static Outcome Shrd(int bits, ulong value, ulong filler, byte encoded, uint status)
    {
        int count = encoded & CountMask;
        ulong result = 0;
        for (int i = 0; i < bits; i++)
        {
            bool bit = i + count < bits ? Bit(value, i + count) : Bit(filler, (i + count - bits) & (bits - 1));
            result |= (bit ? 1ul : 0) << i;
        }

        return DoubleShifted(bits, value, result, status, count, carryFrom: count - 1);
    }

    private static Outcome Shift(int bits, ulong value, byte encoded, uint status, bool left, bool signed)
    {
        int count = encoded & CountMask;
        if (count == 0)
        {
            return new Outcome(value, status, 0);
        }

        bool sign = Bit(value, bits - 1);
        ulong result = value;
        bool carry = false;
        for (int i = 0; i < count; i++)
        {
            carry = Bit(result, left ? bits - 1 : 0);
            result = left ? result * 2 & Operands.Mask(bits) : result / 2 + (signed && sign ? 1ul << (bits - 1) : 0);
        }

        bool overflow = left ? Bit(result, bits - 1) ^ carry : !signed && sign;
        uint undefined = Eflags.AF | Flag(count != 1, Eflags.OF) | Flag(!signed && count >= bits, Eflags.CF);
        return new Outcome(result, ResultFlags(bits, result) | Flag(carry, Eflags.CF) | Flag(overflow, Eflags.OF), undefined);
    }

    private static int ThroughCarry(int bits, byte encoded) => bits switch
    {
        8 => (encoded & CountMask) % 9,
        16 => (encoded & CountMask) % 17,
        _ => encoded & CountMask,
    };

    private static Outcome Rotated(ulong value, uint status, int count, bool carry, bool overflow)
    {
        uint kept = status & ~(Eflags.CF | Eflags.OF);
        return count == 0
            ? new Outcome(value, status, 0)
            : new Outcome(value, kept | Flag(carry, Eflags.CF) | Flag(overflow, Eflags.OF), Flag(count != 1, Eflags.OF));
    }

    private static Outcome DoubleShifted(int bits, ulong value, ulong result, uint status, int count, int carryFrom)
    {
        if (count == 0)
        {
            return new Outcome(value, status, 0);
        }

        if (count > bits)
        {
            return new Outcome(null, 0, Eflags.Status);
        }

        bool overflow = Bit(value, bits - 1) != Bit(result, bits - 1);
        uint flags = ResultFlags(bits, result) | Flag(Bit(value, carryFrom), Eflags.CF) | Flag(overflow, Eflags.OF);
        return new Outcome(result, flags, Eflags.AF | Flag(count != 1, Eflags.OF));
    }
}
