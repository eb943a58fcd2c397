using System.Numerics;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Multiplication and division of the accumulator pair: every dividend and divisor at 8 bits.</summary>
public sealed class WideTests
{
    [Test]
    public void Mul_equals_its_reference() => Wide<Mul>(WideReference.Mul);

    [Test]
    public void Imul_equals_its_reference() => Wide<Imul>(WideReference.Imul);

    [Test]
    public void Div_equals_its_reference() => Wide<Div>(WideReference.Div);

    [Test]
    public void Idiv_equals_its_reference() => Wide<Idiv>(WideReference.Idiv);

    private static void Wide<TOp>(Func<int, ulong, ulong, ulong, uint, Outcome?> reference) where TOp : IWide
    {
        foreach ((ulong low, ulong high) in Operands.Pairs(8))
        {
            for (int source = 0; source < 256; source++)
            {
                Check<TOp, byte>((byte)low, (byte)high, (byte)source, value => value, reference);
            }
        }

        foreach ((ulong low, ulong high) in Operands.Pairs(16))
        {
            ulong nearHigh = (high >> 15) + low & 0xFFFF;
            Check<TOp, ushort>((ushort)low, (ushort)high, (ushort)(high + low), value => value, reference);
            Check<TOp, ushort>((ushort)low, (ushort)(high & 0xFF), (ushort)nearHigh, value => value, reference);
            Check<TOp, ushort>((ushort)low, (ushort)(low > 0x7FFF ? 0xFFFF : 0), (ushort)high, value => value, reference);
        }

        foreach ((ulong low, ulong high) in Operands.Pairs(32))
        {
            Check<TOp, uint>((uint)low, (uint)high, (uint)(high + low), value => value, reference);
            Check<TOp, uint>((uint)low, (uint)high, uint.MaxValue, value => value, reference);
            Check<TOp, uint>((uint)low, (uint)(high & 0xFFFF), (uint)(high ^ low), value => value, reference);
            Check<TOp, uint>((uint)low, low > 0x7FFF_FFFF ? uint.MaxValue : 0, (uint)high, value => value, reference);
        }
    }

    private static void Check<TOp, T>(T low, T high, T source, Func<T, ulong> widen, Func<int, ulong, ulong, ulong, uint, Outcome?> reference)
        where TOp : IWide
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    {
        const uint Before = Eflags.OF | Eflags.AF;
        var flags = new RecordingFlags(Before);
        T newLow = low;
        T newHigh = high;
        bool done = TOp.Execute(ref newLow, ref newHigh, source, ref flags);
        int bits = Width.Bits<T>();
        Outcome? expected = reference(bits, widen(low), widen(high), widen(source), Before);
        if (done != expected is not null)
        {
            Assert.Fail(FormattableString.Invariant($"{typeof(TOp).Name} {bits}: {high:X}:{low:X}, {source:X}: completed = {done}"));
        }

        Outcome left = expected ?? new Outcome(widen(low), Before, 0, widen(high));
        left.ShouldEqual(new Outcome(widen(newLow), flags.Status, flags.UndefinedMask, widen(newHigh)), $"{typeof(TOp).Name} {bits}: {high:X}:{low:X}, {source:X}");
    }
}
