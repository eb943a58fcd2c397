using Harness.Isa;
using Harness.Isa.Instructions;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Binary, compare, unary, exchange-and-compute instructions: exhaustive at 8 bits, boundaries and random operands at 16 and 32.</summary>
[TestFixtureSource(typeof(Operands), nameof(Operands.Widths))]
public sealed class ArithmeticTests(int bits)
{
    [Test]
    public void Add_equals_its_reference() => Binary<Add>(Reference.Add);

    [Test]
    public void Adc_equals_its_reference() => Binary<Adc>(Reference.Adc);

    [Test]
    public void Sub_equals_its_reference() => Binary<Sub>(Reference.Sub);

    [Test]
    public void Sbb_equals_its_reference() => Binary<Sbb>(Reference.Sbb);

    [Test]
    public void And_equals_its_reference() => Binary<And>(Reference.And);

    [Test]
    public void Or_equals_its_reference() => Binary<Or>(Reference.Or);

    [Test]
    public void Xor_equals_its_reference() => Binary<Xor>(Reference.Xor);

    [Test]
    public void Imul_of_two_operands_equals_its_reference() => Binary<Imul>(WideReference.ImulBinary);

    [Test]
    public void Cmp_leaves_the_flags_of_sub() => Compare<Cmp>(Reference.Sub);

    [Test]
    public void Test_leaves_the_flags_of_and() => Compare<Test>(Reference.And);

    [Test]
    public void Inc_equals_its_reference() => Unary<Inc>(Reference.Inc);

    [Test]
    public void Dec_equals_its_reference() => Unary<Dec>(Reference.Dec);

    [Test]
    public void Neg_equals_its_reference() => Unary<Neg>(Reference.Neg);

    [Test]
    public void Not_equals_its_reference() => Unary<Not>(Reference.Not);

    [Test]
    public void Bswap_reverses_the_bytes_and_clears_16_bits() => Unary<Bswap>((_, value, status) =>
    {
        ulong reversed = (value & 0xFF) << 24 | (value & 0xFF00) << 8 | (value >> 8 & 0xFF00) | value >> 24;
        return new Outcome(bits == 32 ? reversed : bits == 16 ? 0 : value, status, 0);
    });

    [Test]
    public void Xadd_exchanges_and_adds()
    {
        ForPairs((left, right, status) =>
        {
            Outcome sum = Reference.Add(bits, left, right, status);
            (sum with { Second = left }).ShouldEqual(RunExchange<Xadd>(left, right, right, status), $"XADD {bits}: {left:X}, {right:X}");
        });
    }

    [Test]
    public void Cmpxchg_writes_the_source_on_equality_else_loads_the_accumulator()
    {
        ulong source = 0x5A;
        ForPairs((left, right, status) =>
        {
            Outcome flags = Reference.Sub(bits, right, left, status);
            Outcome expected = left == right ? flags with { Result = source, Second = right } : flags with { Result = left, Second = left };
            expected.ShouldEqual(RunExchange<Cmpxchg>(left, right, source, status), $"CMPXCHG {bits}: {left:X}, accumulator {right:X}");
        });
    }

    private void Binary<TOp>(Func<int, ulong, ulong, uint, Outcome> reference) where TOp : IBinary
    {
        ForPairs((left, right, status) =>
        {
            var flags = new RecordingFlags(status);
            ulong result = bits switch
            {
                8 => TOp.Execute((byte)left, (byte)right, ref flags),
                16 => TOp.Execute((ushort)left, (ushort)right, ref flags),
                _ => TOp.Execute((uint)left, (uint)right, ref flags),
            };
            var actual = new Outcome(result, flags.Status, flags.UndefinedMask);
            reference(bits, left, right, status).ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {left:X}, {right:X}, status {status:X}");
        });
    }

    private void Compare<TOp>(Func<int, ulong, ulong, uint, Outcome> reference) where TOp : ICompare
    {
        ForPairs((left, right, status) =>
        {
            var flags = new RecordingFlags(status);
            switch (bits)
            {
                case 8:
                    TOp.Execute((byte)left, (byte)right, ref flags);
                    break;
                case 16:
                    TOp.Execute((ushort)left, (ushort)right, ref flags);
                    break;
                default:
                    TOp.Execute((uint)left, (uint)right, ref flags);
                    break;
            }

            Outcome expected = reference(bits, left, right, status) with { Result = null };
            expected.ShouldEqual(new Outcome(null, flags.Status, flags.UndefinedMask), $"{typeof(TOp).Name} {bits}: {left:X}, {right:X}");
        });
    }

    private void Unary<TOp>(Func<int, ulong, uint, Outcome> reference) where TOp : IUnary
    {
        foreach (ulong value in Operands.Values(bits))
        {
            foreach (uint status in Operands.AllStatuses)
            {
                var flags = new RecordingFlags(status);
                ulong result = bits switch
                {
                    8 => TOp.Execute((byte)value, ref flags),
                    16 => TOp.Execute((ushort)value, ref flags),
                    _ => TOp.Execute((uint)value, ref flags),
                };
                var actual = new Outcome(result, flags.Status, flags.UndefinedMask);
                reference(bits, value, status).ShouldEqual(actual, $"{typeof(TOp).Name} {bits}: {value:X}, status {status:X}");
            }
        }
    }

    private Outcome RunExchange<TOp>(ulong destination, ulong accumulator, ulong source, uint status) where TOp : IExchangeCompute
    {
        return bits switch
        {
            8 => Run((byte)destination, (byte)accumulator, (byte)source, value => value),
            16 => Run((ushort)destination, (ushort)accumulator, (ushort)source, value => value),
            _ => Run((uint)destination, (uint)accumulator, (uint)source, value => value),
        };

        Outcome Run<T>(T first, T second, T third, Func<T, ulong> widen)
            where T : unmanaged, System.Numerics.IBinaryInteger<T>, System.Numerics.IUnsignedNumber<T>
        {
            var flags = new RecordingFlags(status);
            TOp.Execute(ref first, ref second, third, ref flags);
            return new Outcome(widen(first), flags.Status, flags.UndefinedMask, widen(second));
        }
    }

    private void ForPairs(Action<ulong, ulong, uint> check)
    {
        foreach ((ulong left, ulong right) in Operands.Pairs(bits))
        {
            foreach (uint status in Operands.SomeStatuses)
            {
                check(left, right, status);
            }
        }
    }
}
