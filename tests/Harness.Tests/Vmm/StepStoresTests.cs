using FluentAssertions;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Vmm;

/// <summary>Which bytes a step has changed, whatever order its stores came in.</summary>
internal sealed class StepStoresTests
{
    private readonly StepStores _stores = new();

    [SetUp]
    public void Begin() => _stores.Clear();

    [Test]
    public void They_are_in_ascending_order_of_addresses()
    {
        _stores.Add(0x3000, 3, 0);
        _stores.Add(0x1000, 1, 0);
        _stores.AddDevice(0x2000, 2);

        Found().Should().Equal((0x1000ul, (byte)1), (0x2000ul, (byte)2), (0x3000ul, (byte)3));
    }

    [Test]
    public void Of_a_byte_that_is_stored_again_the_last_value_counts_against_the_first()
    {
        _stores.Add(0x1000, 1, 7);
        _stores.Add(0x2000, 1, 7);
        _stores.Add(0x1000, 5, 1);
        _stores.Add(0x2000, 7, 1);

        Found().Should().Equal((0x1000ul, (byte)5));
    }

    [Test]
    public void A_device_hears_of_each_of_its_stores_in_their_order()
    {
        _stores.AddDevice(0xA0000, 9);
        _stores.AddDevice(0xA0000, 0);
        _stores.Add(0xA0000, 4, 0);

        Found().Should().Equal((0xA0000ul, (byte)4), (0xA0000ul, (byte)9), (0xA0000ul, (byte)0));
    }

    [Test]
    public void A_store_after_they_were_looked_at_is_of_the_same_step()
    {
        _stores.Add(0x2000, 1, 0);
        Found().Should().HaveCount(1);
        _stores.Add(0x1000, 1, 0);
        _stores.Add(0x2000, 0, 1);

        Found().Should().Equal((0x1000ul, (byte)1));
        _stores.Clear();
        Found().Should().BeEmpty();
    }

    private (ulong, byte)[] Found() => [.. _stores.Effects().ToArray().Select(x => (x.Address.Value, x.Value))];
}
