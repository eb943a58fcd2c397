using FluentAssertions;
using Harness.Isa;
using Harness.Isa.Instructions;
using Iced.Intel;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>The lazy flags themselves, and the conditions over them.</summary>
public sealed class FlagTests
{
    [Test]
    public void Every_status_survives_a_round_trip([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        var flags = default(LazyFlags);
        flags.SetDifference((byte)0x80, (byte)0x01, (byte)0x7F, borrow: true);
        flags.SetStatus(status);
        flags.Status.Should().Be(status);
        (flags.CF, flags.PF, flags.AF, flags.ZF, flags.SF, flags.OF).Should().Be(
            ((status & 1) != 0, (status & 4) != 0, (status & 0x10) != 0, (status & 0x40) != 0, (status & 0x80) != 0, (status & 0x800) != 0));
    }

    [Test]
    public void A_rotate_keeps_every_other_flag([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        foreach (bool carry in new[] { false, true })
        {
            foreach (long overflow in new[] { 0, -1 })
            {
                var flags = default(LazyFlags);
                flags.SetStatus(status);
                flags.SetRotate(carry, overflow);
                flags.Status.Should().Be((status & 0xD4) | (carry ? 1u : 0) | (overflow < 0 ? 0x800u : 0));
            }
        }
    }

    [Test]
    public void Arithmetic_forgets_an_earlier_contradiction([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        var flags = default(LazyFlags);
        flags.SetStatus(status);
        Add.Execute<byte, LazyFlags>(0x7F, 0x01, ref flags);
        flags.Status.Should().Be(Eflags.OF | Eflags.SF | Eflags.AF);
    }

    /// <summary>SDM Vol. 1, Table B-1: bits 3 to 1 choose the test, bit 0 inverts it.</summary>
    [Test]
    public void Conditions_follow_the_test_field([ValueSource(typeof(Operands), nameof(Operands.AllStatuses))] uint status)
    {
        bool carry = (status & Eflags.CF) != 0;
        bool zero = (status & Eflags.ZF) != 0;
        bool less = (status & Eflags.SF) != 0 != ((status & Eflags.OF) != 0);
        bool[] tests =
        [
            (status & Eflags.OF) != 0, carry, zero, carry || zero, (status & Eflags.SF) != 0, (status & Eflags.PF) != 0, less, less || zero,
        ];
        for (int field = 0; field < 16; field++)
        {
            ConditionCode code = InstructionOf(field).ConditionCode;
            Holds(Conditions.Of(code), status).Should().Be(tests[field >> 1] ^ ((field & 1) != 0), "condition {0} of status {1:X}", code, status);
        }
    }

    private static Instruction InstructionOf(int field) => Decoder.Create(32, new ByteArrayCodeReader([(byte)(0x70 + field), 0])).Decode();

    private static bool Holds(Type condition, uint status)
    {
        var method = typeof(FlagTests).GetMethod(nameof(Evaluate), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!;
        return (bool)method.MakeGenericMethod(condition).Invoke(null, [status])!;
    }

    private static bool Evaluate<TCondition>(uint status) where TCondition : ICondition
    {
        var flags = default(LazyFlags);
        flags.SetStatus(status);
        return TCondition.Holds(in flags);
    }
}
