using System.Buffers.Binary;
using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Machine.State;
using Harness.Scenarios;
using NUnit.Framework;
using static Harness.Machine.Devices.BlockRingInterface;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Machine.Devices;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BlockRingTests
{
    private const uint Ring = 0x2000;
    private const uint Buffer = 0x4000;
    private const byte ReadOnlyPage = 0xB;
    private readonly byte[] _memory = new byte[0x10000];
    private readonly Board _board;

    public BlockRingTests()
    {
        byte[] disk = [.. Enumerable.Range(0, 32 * 512).Select(i => (byte)(i / 512 + 1))];
        _board = new Board(options => options with { RingDisk = DiskImage.FromBytes(disk) });
        _board.Platform.DeviceMemory = new Memory64(_memory);
        _board.InitializePic(1 << Line);
        Out(RingPort, Ring);
    }

    [Test]
    public void A_request_becomes_a_response_in_its_place()
    {
        Request(0, ReadOperation, 2, 5, Buffer);
        Want(1);
        Announce(1);
        _board.UntilInterrupt().Should().Be(Latency.RingFetch + Latency.DiskCommand + Latency.DiskBlock);

        Index(ResponseProducer).Should().Be(1);
        Response(0).Should().Be((100u, BlockRingStatus.Done));
        _memory[(int)Buffer].Should().Be(6);
        _memory[(int)Buffer + 1023].Should().Be(7);
        _memory[(int)Buffer + 1024].Should().Be(0);
        _board.Platform.In(EventPort, 4).Should().Be(1);
        _board.Platform.In(EventPort, 4).Should().Be(0);
    }

    [Test]
    public void Requests_are_fetched_outstanding_answered_and_unused_again()
    {
        for (uint i = 0; i < 3; i++)
        {
            Request(i, ReadOperation, 1, i, Buffer + i * 512);
        }

        Announce(3);
        Outstanding().Should().Be(0, "the device has not looked yet");
        _board.Pass(Latency.RingFetch);
        Outstanding().Should().Be(3);
        _board.Pass(Latency.DiskCommand);
        (Outstanding(), Index(ResponseProducer)).Should().Be((2u, 1u));
        _board.Pass(2 * Latency.DiskCommand);
        (Outstanding(), Index(ResponseProducer), Index(RequestEvent)).Should().Be((0u, 3u, 4u));
    }

    [Test]
    public void A_device_at_work_looks_for_requests_itself()
    {
        Request(0, ReadOperation, 1, 0, Buffer);
        Announce(1);
        _board.Pass(Latency.RingFetch + 10);
        Index(RequestEvent).Should().Be(1, "it does not want to be told of the second");
        Request(1, ReadOperation, 1, 1, Buffer);
        Write(RequestProducer, 2);
        _board.Pass(2 * Latency.DiskCommand);
        Index(ResponseProducer).Should().Be(2);
    }

    [TestCase(1u, 1)]
    [TestCase(3u, 1)]
    [TestCase(4u, 0)]
    [TestCase(0u, 0)]
    public void It_interrupts_after_the_response_that_is_wanted(uint wanted, int interrupts)
    {
        for (uint i = 0; i < 3; i++)
        {
            Request(i, ReadOperation, 1, i, Buffer);
        }

        Want(wanted);
        Announce(3);
        for (; _board.Platform.NextDeadline != long.MaxValue; _board.Platform.AdvanceTo(_board.Platform.NextDeadline))
        {
            _board.Platform.InterruptPending.Should().Be(interrupts != 0 && Index(ResponseProducer) >= wanted);
        }

        _board.Platform.InterruptPending.Should().Be(interrupts != 0);
    }

    [TestCase(17u)]
    [TestCase(0x80000000u)]
    [TestCase(uint.MaxValue)]
    public void More_requests_than_descriptors_break_it_until_it_is_started_anew(uint produced)
    {
        Announce(produced);
        _board.UntilInterrupt();
        _board.Platform.In(DoorbellPort, 4).Should().Be(IsRunning | IsBroken);
        Index(ResponseProducer).Should().Be(0);
        Announce(1);
        _board.Platform.NextDeadline.Should().Be(long.MaxValue, "it does nothing any more");

        Out(RingPort, Ring);
        Request(0, ReadOperation, 1, 0, Buffer);
        Announce(1);
        _board.Pass(10_000);
        (_board.Platform.In(DoorbellPort, 4), Index(ResponseProducer)).Should().Be((IsRunning, 1u));
    }

    [Test]
    public void Requests_that_are_taken_back_break_it()
    {
        for (uint i = 0; i < 3; i++)
        {
            Request(i, ReadOperation, 1, i, Buffer);
        }

        Announce(3);
        _board.Pass(Latency.RingFetch);
        Write(RequestProducer, 1);
        _board.Pass(10_000);
        (_board.Platform.In(DoorbellPort, 4) & IsBroken).Should().Be(IsBroken);
    }

    [TestCase((byte)2, 1, 0u, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 0, 0u, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 9, 0u, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 1, 32u, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 8, 25u, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 1, uint.MaxValue, Buffer, BlockRingStatus.BadRequest)]
    [TestCase(ReadOperation, 1, 0u, 0xFE01u, BlockRingStatus.BadBuffer)]
    [TestCase(WriteOperation, 1, 0u, 0x10000u, BlockRingStatus.BadBuffer)]
    [TestCase(ReadOperation, 1, 0u, 0xB000u, BlockRingStatus.BadBuffer)]
    [TestCase(ReadOperation, 1, 0u, 0xFFFFFF00u, BlockRingStatus.BadBuffer)]
    public void A_bad_request_changes_nothing(byte operation, int sectors, uint first, uint buffer, BlockRingStatus expected)
    {
        Request(0, operation, sectors, first, buffer);
        byte[] before = _memory.ToArray();
        Announce(1);
        _board.Pass(10_000);

        Response(0).Should().Be((100u, expected));
        before.AsSpan((int)Buffer).SequenceEqual(_memory.AsSpan((int)Buffer)).Should().BeTrue();
    }

    [Test]
    public void What_changes_in_a_descriptor_after_it_was_fetched_does_not_matter()
    {
        Request(0, ReadOperation, 1, 3, Buffer);
        Announce(1);
        _board.Pass(Latency.RingFetch);
        Request(0, WriteOperation, 8, 9, 0xE000);
        _board.Pass(10_000);

        Response(0).Should().Be((100u, BlockRingStatus.Done));
        (_memory[(int)Buffer], _memory[0xE000]).Should().Be((4, 0));
    }

    [Test]
    public void What_is_written_is_read_later()
    {
        _memory.AsSpan((int)Buffer, 512).Fill(0x77);
        Request(0, WriteOperation, 1, 30, Buffer);
        Request(1, ReadOperation, 1, 30, 0x6000);
        Announce(2);
        _board.Pass(10_000);

        _memory.AsSpan(0x6000, 512).IndexOfAnyExcept((byte)0x77).Should().Be(-1);
    }

    [TestCase(0x10000u)]
    [TestCase(0xB000u)]
    [TestCase(0xFFFFF000u)]
    public void A_ring_that_is_no_memory_breaks_it(uint ring)
    {
        Out(RingPort, ring);
        Out(DoorbellPort, 0);
        _board.Platform.In(DoorbellPort, 4).Should().Be(IsRunning | IsBroken);
    }

    [TestCase(200)]
    [TestCase(600)]
    [TestCase(900)]
    public void A_run_that_is_restored_between_doorbell_and_response_goes_on_as_the_saved_one(long tick)
    {
        using Computer uninterrupted = Reader();
        uninterrupted.Run(100_000);
        uninterrupted.Platform.ExitCode.Should().NotBeNull();
        using Computer first = Reader();
        first.Run(tick);
        using Computer second = Reader();
        SavedState.Capture(first).ApplyTo(second);
        second.Run(100_000);

        SavedState.Capture(second).Elements.Select(e => e.Value).Should().BeEquivalentTo(SavedState.Capture(uninterrupted).Elements.Select(e => e.Value));
    }

    private static Computer Reader()
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.UseRing(RingWait.Interrupt);
            k.Boot(a =>
            {
                a.mov(ebx, 1);
                a.mov(ecx, 0x80000);
                a.mov(edx, 3);
                k.WriteRing(a);
                k.ReadRing(a);
            });
        });
        ProcessorModel model = ModelRegistry.Load("yonah");
        var computer = new Computer(model, new PlatformOptions
        {
            RamBytes = (ulong)guest.MemoryBytes,
            TicksPerSecond = (ulong)model.TicksPerSecond,
            ExitPort = GuestAssembler.ExitPort,
            RingDisk = DiskImage.FromBytes(new byte[8192]),
        });
        GuestLoader.Load(guest, computer.Memory);
        GuestLoader.Enter(guest, computer.Processor);
        return computer;
    }

    private void Out(ushort port, uint value) => _board.Platform.Out(port, 4, value);

    private uint Outstanding() => _board.Platform.In(DoorbellPort, 4) >> 8;

    private void Request(uint index, byte operation, int sectors, uint first, uint buffer)
    {
        Span<byte> raw = _memory.AsSpan((int)Ring + Descriptors + (int)index * DescriptorBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(raw, 100 + index);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[4..], operation | (uint)sectors << 8);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[8..], first);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[12..], buffer);
    }

    private (uint Id, BlockRingStatus Status) Response(uint index)
    {
        ReadOnlySpan<byte> raw = _memory.AsSpan((int)Ring + Descriptors + (int)index * DescriptorBytes);
        return (BinaryPrimitives.ReadUInt32LittleEndian(raw), (BlockRingStatus)BinaryPrimitives.ReadInt32LittleEndian(raw[4..]));
    }

    private void Want(uint response) => Write(ResponseEvent, response);

    private void Announce(uint produced)
    {
        Write(RequestProducer, produced);
        Out(DoorbellPort, 0);
    }

    private void Write(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_memory.AsSpan((int)Ring + offset), value);

    private uint Index(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_memory.AsSpan((int)Ring + offset));

    /// <summary>64 KiB, of which a page cannot be written.</summary>
    private sealed class Memory64(byte[] memory) : IDeviceMemory
    {
        public bool TryRead(PhysicalAddress address, Span<byte> data)
        {
            if (address.Value + (ulong)data.Length > (ulong)memory.Length)
            {
                return false;
            }

            memory.AsSpan((int)address.Value, data.Length).CopyTo(data);
            return true;
        }

        public bool TryWrite(PhysicalAddress address, ReadOnlySpan<byte> data)
        {
            if (address.Value + (ulong)data.Length > (ulong)memory.Length || address.Value >> 12 == ReadOnlyPage)
            {
                return false;
            }

            data.CopyTo(memory.AsSpan((int)address.Value));
            return true;
        }
    }
}
