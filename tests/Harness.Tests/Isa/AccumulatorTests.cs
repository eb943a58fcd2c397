using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;
using static Harness.Tests.Isa.Reference;

namespace Harness.Tests.Isa;

/// <summary>Decimal adjustments, widening of the accumulator, extensions and the flag instructions; the decimal ones follow the manual's pseudo-code.</summary>
public sealed class AccumulatorTests
{
    [Test]
    public void Aaa_equals_its_reference() => Decimal<Aaa>((ax, _, status) =>
    {
        bool adjust = ax % 16 > 9 || (status & Eflags.AF) != 0;
        int adjusted = adjust ? (ax + 0x106) % 0x10000 : ax;
        return new Outcome((ulong)(adjusted / 256 * 256 + adjusted % 16), Flag(adjust, Eflags.AF | Eflags.CF), Eflags.OF | Eflags.SF | Eflags.ZF | Eflags.PF);
    });

    [Test]
    public void Aas_equals_its_reference() => Decimal<Aas>((ax, _, status) =>
    {
        bool adjust = ax % 16 > 9 || (status & Eflags.AF) != 0;
        int adjusted = adjust ? (ax + 0x10000 - 6 - 0x100) % 0x10000 : ax;
        return new Outcome((ulong)(adjusted / 256 * 256 + adjusted % 16), Flag(adjust, Eflags.AF | Eflags.CF), Eflags.OF | Eflags.SF | Eflags.ZF | Eflags.PF);
    });

    [Test]
    public void Aam_equals_its_reference() => Decimal<Aam>((ax, radix, status) =>
    {
        if (radix == 0)
        {
            return null;
        }

        int quotient = 0;
        int rest = ax % 256;
        for (; rest >= radix; rest -= radix)
        {
            quotient++;
        }

        return new Outcome((ulong)(quotient * 256 + rest), ResultFlags(8, (ulong)rest), Eflags.OF | Eflags.AF | Eflags.CF);
    });

    [Test]
    public void Aad_equals_its_reference() => Decimal<Aad>((ax, radix, _) =>
    {
        ulong al = (ulong)((ax % 256 + ax / 256 * radix) % 256);
        return new Outcome(al, ResultFlags(8, al), Eflags.OF | Eflags.AF | Eflags.CF);
    });

    [Test]
    public void Daa_equals_its_reference() => Decimal<Daa>((ax, _, status) =>
    {
        int al = ax % 256;
        bool carry = false;
        bool adjust = al % 16 > 9 || (status & Eflags.AF) != 0;
        if (adjust)
        {
            carry = (status & Eflags.CF) != 0 || al + 6 > 255;
            al = (al + 6) % 256;
        }

        bool high = ax % 256 > 0x99 || (status & Eflags.CF) != 0;
        al = high ? (al + 0x60) % 256 : al;
        carry = high;
        return new Outcome((ulong)(ax / 256 * 256 + al), ResultFlags(8, (ulong)al) | Flag(carry, Eflags.CF) | Flag(adjust, Eflags.AF), Eflags.OF);
    });

    [Test]
    public void Das_equals_its_reference() => Decimal<Das>((ax, _, status) =>
    {
        int al = ax % 256;
        bool carry = false;
        bool adjust = al % 16 > 9 || (status & Eflags.AF) != 0;
        if (adjust)
        {
            carry = (status & Eflags.CF) != 0 || al < 6;
            al = (al + 250) % 256;
        }

        if (ax % 256 > 0x99 || (status & Eflags.CF) != 0)
        {
            al = (al + 0xA0) % 256;
            carry = true;
        }

        return new Outcome((ulong)(ax / 256 * 256 + al), ResultFlags(8, (ulong)al) | Flag(carry, Eflags.CF) | Flag(adjust, Eflags.AF), Eflags.OF);
    });

    [TestCase(0x1234_5680u, 0x1234_FF80u)]
    [TestCase(0x1234_867Fu, 0x1234_007Fu)]
    public void Cbw_extends_al_and_keeps_the_upper_half(uint eax, uint expected) => Accumulator<Cbw>(eax, 0xABCD_EF01, 0).Should().Be((expected, 0xABCD_EF01));

    [TestCase(0x1234_8000u, 0xFFFF_8000u)]
    [TestCase(0x9234_7FFFu, 0x0000_7FFFu)]
    public void Cwde_extends_ax(uint eax, uint expected) => Accumulator<Cwde>(eax, 0xABCD_EF01, 0).Should().Be((expected, 0xABCD_EF01));

    [TestCase(0x1234_8000u, 0xABCD_FFFFu)]
    [TestCase(0x9234_7FFFu, 0xABCD_0000u)]
    public void Cwd_extends_ax_into_dx(uint eax, uint edx) => Accumulator<Cwd>(eax, 0xABCD_EF01, 0).Should().Be((eax, edx));

    [TestCase(0x8000_0000u, 0xFFFF_FFFFu)]
    [TestCase(0x7FFF_FFFFu, 0x0000_0000u)]
    public void Cdq_extends_eax_into_edx(uint eax, uint edx) => Accumulator<Cdq>(eax, 0xABCD_EF01, 0).Should().Be((eax, edx));

    [TestCase(0u, 0x1234_5600u)]
    [TestCase(1u, 0x1234_56FFu)]
    public void Salc_fills_al_with_the_carry(uint status, uint expected) => Accumulator<Salc>(0x1234_5678, 5, status).Should().Be((expected, 5u));

    [Test]
    public void Movzx_and_movsx_extend()
    {
        for (int value = 0; value < 0x10000; value++)
        {
            int signed8 = value % 256 - (value % 256 >= 128 ? 256 : 0);
            Movzx.Execute<byte, ushort>((byte)value).Should().Be((ushort)(value % 256));
            Movzx.Execute<byte, uint>((byte)value).Should().Be((uint)(value % 256));
            Movzx.Execute<ushort, uint>((ushort)value).Should().Be((uint)value);
            Movsx.Execute<byte, ushort>((byte)value).Should().Be((ushort)((signed8 + 0x10000) % 0x10000));
            Movsx.Execute<byte, uint>((byte)value).Should().Be((uint)signed8);
            Movsx.Execute<ushort, uint>((ushort)value).Should().Be((uint)(value - (value >= 0x8000 ? 0x10000 : 0)));
        }
    }

    [Test]
    public void Clc_stc_and_cmc_change_the_carry_alone([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        FlagOperation<Clc>(0, status).Should().Be((0, status & ~Eflags.CF));
        FlagOperation<Stc>(0, status).Should().Be((0, status | Eflags.CF));
        FlagOperation<Cmc>(0, status).Should().Be((0, status ^ Eflags.CF));
    }

    [Test]
    public void Lahf_and_sahf_move_all_but_the_overflow_flag([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        FlagOperation<Lahf>(0x28, status).Should().Be(((byte)((status & 0xD5) + 2), status));
        for (int ah = 0; ah < 256; ah++)
        {
            FlagOperation<Sahf>((byte)ah, status).Should().Be(((byte)ah, (status & 0x800) + ((uint)ah & 0xD5)));
        }
    }

    private static void Decimal<TOp>(Func<int, int, uint, Outcome?> reference) where TOp : IDecimal
    {
        foreach (uint status in Operands.SomeStatuses.Append(Eflags.AF))
        {
            for (int ax = 0; ax < 0x10000; ax++)
            {
                foreach (int immediate in new[] { 0, 10 })
                {
                    Check<TOp>(ax, immediate, status, reference);
                }
            }
        }

        for (int immediate = 0; immediate < 256; immediate++)
        {
            for (int ax = 0; ax < 0x10000; ax += 0x0103)
            {
                Check<TOp>(ax, immediate, Eflags.AF, reference);
            }
        }
    }

    private static void Check<TOp>(int ax, int immediate, uint status, Func<int, int, uint, Outcome?> reference) where TOp : IDecimal
    {
        var flags = new RecordingFlags(status);
        ushort result = (ushort)ax;
        bool done = TOp.Execute(ref result, (byte)immediate, ref flags);
        Outcome? expected = reference(ax, immediate, status);
        if (done != expected is not null)
        {
            Assert.Fail(FormattableString.Invariant($"{typeof(TOp).Name}: {ax:X}, {immediate:X}: completed = {done}"));
        }

        Outcome left = expected ?? new Outcome((ulong)ax, status, 0);
        left.ShouldEqual(new Outcome(result, flags.Status, flags.UndefinedMask), $"{typeof(TOp).Name}: {ax:X}, {immediate:X}, status {status:X}");
    }

    private static (uint Eax, uint Edx) Accumulator<TOp>(uint eax, uint edx, uint status) where TOp : IAccumulator
    {
        var flags = new RecordingFlags(status);
        TOp.Execute(ref eax, ref edx, ref flags);
        flags.Status.Should().Be(status);
        flags.UndefinedMask.Should().Be(0);
        return (eax, edx);
    }

    private static (byte Ah, uint Status) FlagOperation<TOp>(byte ah, uint status) where TOp : IFlagOperation
    {
        var flags = new RecordingFlags(status);
        TOp.Execute(ref ah, ref flags);
        flags.UndefinedMask.Should().Be(0);
        return (ah, flags.Status);
    }
}
