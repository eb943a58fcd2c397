using Harness.Isa;

namespace Harness.Tests.Isa;

/// <summary>
/// Binary, unary, scan and bit instructions bit by bit, from the manual's text and not from the code under test: sums by a ripple of full adders, flags by
/// counting bits. Operands are below 2^bits.
/// </summary>
public static class Reference
{
    /// <summary>What the destination of a scan held before; no index has this value.</summary>
    public const ulong OldDestination = 0xA5;

    public static bool Bit(ulong value, int index) => (value >> index & 1) == 1;

    public static uint Flag(bool value, uint flag) => value ? flag : 0;

    /// <summary>ZF, SF and PF of a result.</summary>
    public static uint ResultFlags(int bits, ulong result)
    {
        int ones = 0;
        int onesInLowByte = 0;
        for (int i = 0; i < bits; i++)
        {
            ones += Bit(result, i) ? 1 : 0;
            onesInLowByte += i < 8 && Bit(result, i) ? 1 : 0;
        }

        return Flag(ones == 0, Eflags.ZF) | Flag(Bit(result, bits - 1), Eflags.SF) | Flag(onesInLowByte % 2 == 0, Eflags.PF);
    }

    public static Outcome Add(int bits, ulong left, ulong right, uint status) => Ripple(bits, left, right, carry: false, subtract: false);

    public static Outcome Adc(int bits, ulong left, ulong right, uint status) =>
        Ripple(bits, left, right, (status & Eflags.CF) != 0, subtract: false);

    public static Outcome Sub(int bits, ulong left, ulong right, uint status) => Ripple(bits, left, right, carry: false, subtract: true);

    public static Outcome Sbb(int bits, ulong left, ulong right, uint status) =>
        Ripple(bits, left, right, (status & Eflags.CF) != 0, subtract: true);

    public static Outcome Neg(int bits, ulong value, uint status) => Sub(bits, 0, value, status);

    public static Outcome Inc(int bits, ulong value, uint status) => KeepCarry(Add(bits, value, 1, status), status);

    public static Outcome Dec(int bits, ulong value, uint status) => KeepCarry(Sub(bits, value, 1, status), status);

    public static Outcome Not(int bits, ulong value, uint status) => new(Operands.Mask(bits) - value, status, 0);

    public static Outcome And(int bits, ulong left, ulong right, uint status) => Logic(bits, left, right, (a, b) => a && b);

    public static Outcome Or(int bits, ulong left, ulong right, uint status) => Logic(bits, left, right, (a, b) => a || b);

    public static Outcome Xor(int bits, ulong left, ulong right, uint status) => Logic(bits, left, right, (a, b) => a != b);

    public static Outcome Bsf(int bits, ulong source, uint status) => Scan(source, Enumerable.Range(0, bits));

    public static Outcome Bsr(int bits, ulong source, uint status) => Scan(source, Enumerable.Range(0, bits).Reverse());

    public static Outcome Bt(int bits, ulong value, int bit, uint status) => BitTest(value, bit, status, chosen => chosen);

    public static Outcome Bts(int bits, ulong value, int bit, uint status) => BitTest(value, bit, status, _ => true);

    public static Outcome Btr(int bits, ulong value, int bit, uint status) => BitTest(value, bit, status, _ => false);

    public static Outcome Btc(int bits, ulong value, int bit, uint status) => BitTest(value, bit, status, chosen => !chosen);

    private static Outcome Ripple(int bits, ulong left, ulong right, bool carry, bool subtract)
    {
        ulong result = 0;
        bool intoSign = false;
        bool fromBit3 = false;
        for (int i = 0; i < bits; i++)
        {
            bool a = Bit(left, i);
            bool b = Bit(right, i);
            intoSign = carry;
            result |= (a ^ b ^ carry ? 1ul : 0) << i;
            carry = subtract ? (!a && b) || (!a && carry) || (b && carry) : (a && b) || (a && carry) || (b && carry);
            fromBit3 = i == 3 ? carry : fromBit3;
        }

        uint status = ResultFlags(bits, result) | Flag(carry, Eflags.CF) | Flag(fromBit3, Eflags.AF) | Flag(carry != intoSign, Eflags.OF);
        return new Outcome(result, status, 0);
    }

    private static Outcome KeepCarry(Outcome outcome, uint status) =>
        outcome with { Status = (outcome.Status & ~Eflags.CF) | (status & Eflags.CF) };

    private static Outcome Logic(int bits, ulong left, ulong right, Func<bool, bool, bool> truth)
    {
        ulong result = 0;
        for (int i = 0; i < bits; i++)
        {
            result |= (truth(Bit(left, i), Bit(right, i)) ? 1ul : 0) << i;
        }

        return new Outcome(result, ResultFlags(bits, result), Eflags.AF);
    }

    private static Outcome Scan(ulong source, IEnumerable<int> order)
    {
        const uint Undefined = Eflags.CF | Eflags.OF | Eflags.SF | Eflags.AF | Eflags.PF;
        foreach (int index in order)
        {
            if (Bit(source, index))
            {
                return new Outcome((ulong)index, 0, Undefined);
            }
        }

        return new Outcome(OldDestination, Eflags.ZF, Undefined);
    }

    private static Outcome BitTest(ulong value, int bit, uint status, Func<bool, bool> change)
    {
        bool chosen = Bit(value, bit);
        ulong others = value - (chosen ? 1ul << bit : 0);
        ulong result = others + (change(chosen) ? 1ul << bit : 0);
        return new Outcome(result, (status & ~Eflags.CF) | Flag(chosen, Eflags.CF), Eflags.OF | Eflags.SF | Eflags.AF | Eflags.PF);
    }
}
