using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Shifts, rotates, double shifts, bit tests and scans, against the loops of <see cref="ShiftReference"/> and <see cref="Reference"/>.</summary>
[TestFixtureSource(typeof(Operands), nameof(Operands.Widths))]
public sealed class ShiftTests(int bits)
{
    /// <summary>All that the mask keeps, twice, so that the mask itself is tested; and the largest.</summary>
    private static readonly byte[] Counts = [.. Enumerable.Range(0, 64).Select(count => (byte)count), 255];

    [Test]
    public void Shl_equals_its_reference() => Shift<Shl>(ShiftReference.Shl);

    [Test]
    public void Sal_equals_shl() => Shift<Sal>(ShiftReference.Shl);

    [Test]
    public void Shr_equals_its_reference() => Shift<Shr>(ShiftReference.Shr);

    [Test]
    public void Sar_equals_its_reference() => Shift<Sar>(ShiftReference.Sar);

    [Test]
    public void Rol_equals_its_reference() => Shift<Rol>(ShiftReference.Rol);

    [Test]
    public void Ror_equals_its_reference() => Shift<Ror>(ShiftReference.Ror);

    [Test]
    public void Rcl_equals_its_reference() => Shift<Rcl>(ShiftReference.Rcl);

    [Test]
    public void Rcr_equals_its_reference() => Shift<Rcr>(ShiftReference.Rcr);

    [Test]
    public void Shld_equals_its_reference() => DoubleShift<Shld>(ShiftReference.Shld);

    [Test]
    public void Shrd_equals_its_reference() => DoubleShift<Shrd>(ShiftReference.Shrd);

    /// <summary>Undefined in the manual; these are the results of an AMD Zen 4.</summary>
    [TestCase(17, 0x579B, 0xD5E6)]
    [TestCase(24, 0xCDAB, 0xCDAB)]
    [TestCase(31, 0xD5E6, 0x579B)]
    public void A_16_bit_double_shift_beyond_its_width_rotates_the_filler(byte count, int shld, int shrd)
    {
        var flags = new RecordingFlags(0);
        Shld.Execute((ushort)0x1234, (ushort)0xABCD, count, ref flags).Should().Be((ushort)shld);
        Shrd.Execute((ushort)0x1234, (ushort)0xABCD, count, ref flags).Should().Be((ushort)shrd);
    }

    [Test]
    public void Bt_equals_its_reference() => BitTest<Bt>(Reference.Bt, writes: false);

    [Test]
    public void Bts_equals_its_reference() => BitTest<Bts>(Reference.Bts, writes: true);

    [Test]
    public void Btr_equals_its_reference() => BitTest<Btr>(Reference.Btr, writes: true);

    [Test]
    public void Btc_equals_its_reference() => BitTest<Btc>(Reference.Btc, writes: true);

    [Test]
    public void Bsf_equals_its_reference() => Scan<Bsf>(Reference.Bsf);

    [Test]
    public void Bsr_equals_its_reference() => Scan<Bsr>(Reference.Bsr);

    private void Shift<TOp>(Func<int, ulong, byte, uint, Outcome> reference) where TOp : IShift
    {
        foreach (ulong value in Operands.Values(bits))
        {
            foreach (byte count in Counts)
            {
                foreach (uint status in Operands.SomeStatuses)
                {
                    var flags = new RecordingFlags(status);
                    ulong result = bits switch
                    {
                        8 => TOp.Execute((byte)value, count, ref flags),
                        16 => TOp.Execute((ushort)value, count, ref flags),
                        _ => TOp.Execute((uint)value, count, ref flags),
                    };
                    var actual = new Outcome(result, flags.Status, flags.UndefinedMask);
                    Outcome expected = reference(bits, value, count, status);
                    expected.ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {value:X}, count {count}, status {status:X}");
                }
            }
        }
    }

    private void DoubleShift<TOp>(Func<int, ulong, ulong, byte, uint, Outcome> reference) where TOp : IDoubleShift
    {
        const uint Before = Eflags.CF | Eflags.ZF | Eflags.AF;
        ulong[] values = [0, 1, Operands.Mask(bits), 1ul << (bits - 1), 0x1234_5678 & Operands.Mask(bits), .. Operands.Values(bits).TakeLast(200)];
        foreach (ulong value in values)
        {
            foreach (ulong filler in values)
            {
                foreach (byte count in Counts)
                {
                    var flags = new RecordingFlags(Before);
                    ulong result = bits switch
                    {
                        8 => TOp.Execute((byte)value, (byte)filler, count, ref flags),
                        16 => TOp.Execute((ushort)value, (ushort)filler, count, ref flags),
                        _ => TOp.Execute((uint)value, (uint)filler, count, ref flags),
                    };
                    var actual = new Outcome(result, flags.Status, flags.UndefinedMask);
                    Outcome expected = reference(bits, value, filler, count, Before);
                    expected.ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {value:X}, {filler:X}, count {count}");
                }
            }
        }
    }

    private void BitTest<TOp>(Func<int, ulong, int, uint, Outcome> reference, bool writes) where TOp : IBitTest
    {
        TOp.Writes.Should().Be(writes);
        foreach (ulong value in Operands.Values(bits))
        {
            for (int bit = 0; bit < bits; bit++)
            {
                foreach (uint status in Operands.SomeStatuses)
                {
                    var flags = new RecordingFlags(status);
                    ulong result = bits switch
                    {
                        8 => TOp.Execute((byte)value, bit, ref flags),
                        16 => TOp.Execute((ushort)value, bit, ref flags),
                        _ => TOp.Execute((uint)value, bit, ref flags),
                    };
                    var actual = new Outcome(result, flags.Status, flags.UndefinedMask);
                    reference(bits, value, bit, status).ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {value:X}, bit {bit}, status {status:X}");
                }
            }
        }
    }

    private void Scan<TOp>(Func<int, ulong, uint, Outcome> reference) where TOp : IScan
    {
        foreach (ulong source in Operands.Values(bits))
        {
            var flags = new RecordingFlags(Eflags.Status);
            ulong index;
            bool written;
            switch (bits)
            {
                case 8:
                    written = TOp.Execute((byte)source, out byte index8, ref flags);
                    index = index8;
                    break;
                case 16:
                    written = TOp.Execute((ushort)source, out ushort index16, ref flags);
                    index = index16;
                    break;
                default:
                    written = TOp.Execute((uint)source, out uint index32, ref flags);
                    index = index32;
                    break;
            }

            var actual = new Outcome(written ? index : Reference.OldDestination, flags.Status, flags.UndefinedMask);
            reference(bits, source, Eflags.Status).ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {source:X}");
        }
    }
}
