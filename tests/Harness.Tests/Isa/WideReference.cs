using System.Numerics;
using Harness.Isa;
using static Harness.Tests.Isa.Reference;

namespace Harness.Tests.Isa;

/// <summary>Multiplication by additions of partial products, division by restoring subtraction on magnitudes. Null: a divide error.</summary>
public static class WideReference
{
    private const uint ProductUndefined = Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF;

    public static Outcome? Mul(int bits, ulong low, ulong high, ulong source, uint status)
    {
        UInt128 product = Multiply(low, source);
        return Product(bits, product, lost: product >> bits != 0);
    }

    public static Outcome? Imul(int bits, ulong low, ulong high, ulong source, uint status)
    {
        (UInt128 product, bool lost) = SignedProduct(bits, low, source);
        return Product(bits, product, lost);
    }

    public static Outcome ImulBinary(int bits, ulong left, ulong right, uint status)
    {
        (UInt128 product, bool lost) = SignedProduct(bits, left, right);
        return Product(bits, product, lost) with { Second = null };
    }

    public static Outcome? Div(int bits, ulong low, ulong high, ulong source, uint status)
    {
        if (source == 0)
        {
            return null;
        }

        (ulong quotient, ulong remainder) = Divide((high << bits) + low, source);
        return quotient > Operands.Mask(bits) ? null : new Outcome(quotient, status, Eflags.Status, remainder);
    }

    public static Outcome? Idiv(int bits, ulong low, ulong high, ulong source, uint status)
    {
        if (source == 0)
        {
            return null;
        }

        ulong dividend = (high << bits) + low;
        bool negativeDividend = Bit(high, bits - 1);
        bool negativeSource = Bit(source, bits - 1);
        ulong magnitude = negativeDividend ? bits == 32 ? 0 - dividend : (1ul << (2 * bits)) - dividend : dividend;
        (ulong quotient, ulong remainder) = Divide(magnitude, Magnitude(bits, source));
        ulong limit = negativeDividend != negativeSource ? 1ul << (bits - 1) : (1ul << (bits - 1)) - 1;
        if (quotient > limit)
        {
            return null;
        }

        ulong signedQuotient = negativeDividend != negativeSource ? 0 - quotient : quotient;
        ulong signedRemainder = negativeDividend ? 0 - remainder : remainder;
        return new Outcome(signedQuotient & Operands.Mask(bits), status, Eflags.Status, signedRemainder & Operands.Mask(bits));
    }

    private static Outcome Product(int bits, UInt128 product, bool lost)
    {
        ulong mask = Operands.Mask(bits);
        return new Outcome((ulong)product & mask, Flag(lost, Eflags.CF | Eflags.OF), ProductUndefined, (ulong)(product >> bits) & mask);
    }

    /// <summary>The product modulo 2^128, and whether it lies outside -2^(bits-1) .. 2^(bits-1) - 1.</summary>
    private static (UInt128 Product, bool Lost) SignedProduct(int bits, ulong left, ulong right)
    {
        bool negative = Bit(left, bits - 1) != Bit(right, bits - 1);
        UInt128 magnitude = Multiply(Magnitude(bits, left), Magnitude(bits, right));
        UInt128 limit = (UInt128)1 << (bits - 1);
        return (negative ? 0 - magnitude : magnitude, negative ? magnitude > limit : magnitude >= limit);
    }

    private static ulong Magnitude(int bits, ulong value) => Bit(value, bits - 1) ? (1ul << bits) - value : value;

    private static UInt128 Multiply(ulong left, ulong right)
    {
        UInt128 product = 0;
        for (int i = 0; right >> i != 0; i++)
        {
            product += Bit(right, i) ? (UInt128)left << i : 0;
        }

        return product;
    }

    private static (ulong Quotient, ulong Remainder) Divide(ulong dividend, ulong divisor)
    {
        ulong quotient = 0;
        ulong remainder = 0;
        for (int i = 63 - BitOperations.LeadingZeroCount(dividend); i >= 0; i--)
        {
            remainder = remainder * 2 + (Bit(dividend, i) ? 1ul : 0);
            bool fits = remainder >= divisor;
            remainder -= fits ? divisor : 0;
            quotient = quotient * 2 + (fits ? 1ul : 0);
        }

        return (quotient, remainder);
    }
}
