using System.Buffers.Binary;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// A disk that takes requests from a ring in memory, moves the data by itself, and interrupts when the driver has asked for it; see <see cref="BlockRingInterface"/>. A
/// request is fetched once: what the driver makes of its descriptor afterwards does not matter. Addresses are checked when they are used.
/// </summary>
internal sealed class BlockRing : Device, IPortDevice
{
    private const int MostBytes = BlockRingInterface.MostSectors * DiskImage.SectorSize;
    private const uint PageMask = 0xFFFFF000;

    private readonly Platform _platform;
    private readonly DiskImage _disk;
    private readonly byte[] _data = new byte[MostBytes];

    /// <summary>The requests that were fetched, each at its descriptor's place.</summary>
    private byte[] _fetched = new byte[BlockRingInterface.Entries * BlockRingInterface.DescriptorBytes];
    private State _s;

    public BlockRing(Platform platform, DiskImage disk) : base("blockring")
    {
        _platform = platform;
        _disk = disk;
        platform.Ports.Map(BlockRingInterface.FirstPort, BlockRingInterface.Ports, 4, this);
    }

    private enum Action : byte
    {
        None,
        Fetch,
        Complete,
    }

    /// <summary>The line is up.</summary>
    public bool Interrupts => _s.Told && !_s.IsSilent;

    private uint Outstanding => _s.Consumed - _s.Responded;

    public uint In(ushort port, int size)
    {
        switch (port)
        {
            case BlockRingInterface.RingPort:
                return _s.Ring;
            case BlockRingInterface.DoorbellPort:
                return (_s.Ring != 0 ? BlockRingInterface.IsRunning : 0) | (_s.IsBroken ? BlockRingInterface.IsBroken : 0) | Outstanding << 8;
            case BlockRingInterface.EventPort:
                uint told = _s.Told ? 1u : 0;
                _s.Told = false;
                _platform.SetIrq(BlockRingInterface.Line, false);
                return told;
            case BlockRingInterface.CapacityPort:
                return (uint)Math.Min(_disk.Sectors, uint.MaxValue);
            default:
                return uint.MaxValue;
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        if (size != 4)
        {
            return;
        }

        switch (port)
        {
            case BlockRingInterface.RingPort:
                Start(value & PageMask);
                break;
            case BlockRingInterface.DoorbellPort when _s.Ring != 0 && !_s.IsBroken && _s.Action == Action.None:
                Later(Action.Fetch, Latency.RingFetch);
                break;
            case BlockRingInterface.EventPort:
                _s.IsSilent = (value & 1) != 0;
                _platform.SetIrq(BlockRingInterface.Line, Interrupts);
                break;
            default:
                break;
        }
    }

    public override void Expire()
    {
        Deadline = long.MaxValue;
        Action action = _s.Action;
        _s.Action = Action.None;
        if (action == Action.Complete)
        {
            Complete();
        }

        if (!_s.IsBroken)
        {
            Fetch();
        }
    }

    public override void Reset()
    {
        _s = default;
        Deadline = long.MaxValue;
        _platform.SetIrq(BlockRingInterface.Line, false);
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Bytes("fetched", ref _fetched);
        _disk.Visit(visitor);
    }

    private void Start(uint ring)
    {
        bool silent = _s.IsSilent;
        Reset();
        _s.IsSilent = silent;
        _s.Ring = ring;
        if (ring != 0 && !(TryWriteIndex(BlockRingInterface.ResponseProducer, 0) && TryWriteIndex(BlockRingInterface.RequestEvent, 1)))
        {
            Break();
        }
    }

    /// <summary>Takes the requests that there are, and goes on with the oldest; without any, asks to be told of the next.</summary>
    private void Fetch()
    {
        if (!TryFetch() || (Outstanding == 0 && !(TryWriteIndex(BlockRingInterface.RequestEvent, _s.Consumed + 1) && TryFetch())))
        {
            Break();
        }
        else if (Outstanding != 0)
        {
            int sectors = SectorsOf(_s.Responded);
            Later(Action.Complete, Latency.DiskCommand + Math.Max(0, sectors - 1) * Latency.DiskBlock);
        }
    }

    /// <summary>False: the driver claims more requests than there are descriptors without an unread response, or the ring cannot be read.</summary>
    private bool TryFetch()
    {
        if (!TryReadIndex(BlockRingInterface.RequestProducer, out uint produced) || produced - _s.Responded > BlockRingInterface.Entries)
        {
            return false;
        }

        for (; _s.Consumed != produced; _s.Consumed++)
        {
            if (!_platform.DeviceMemory.TryRead(DescriptorAt(_s.Consumed), FetchedAt(_s.Consumed)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Carries out the oldest request and puts its response where it was.</summary>
    private void Complete()
    {
        Span<byte> response = stackalloc byte[8];
        FetchedAt(_s.Responded)[..4].CopyTo(response);
        BinaryPrimitives.WriteInt32LittleEndian(response[4..], (int)CarryOut(FetchedAt(_s.Responded)));
        if (!_platform.DeviceMemory.TryWrite(DescriptorAt(_s.Responded), response)
            || !TryWriteIndex(BlockRingInterface.ResponseProducer, _s.Responded + 1)
            || !TryReadIndex(BlockRingInterface.ResponseEvent, out uint wanted))
        {
            Break();
            return;
        }

        _s.Responded++;
        if (wanted == _s.Responded)
        {
            Tell();
        }
    }

    private BlockRingStatus CarryOut(ReadOnlySpan<byte> request)
    {
        byte operation = request[4];
        int sectors = request[5];
        uint first = BinaryPrimitives.ReadUInt32LittleEndian(request[8..]);
        var buffer = new PhysicalAddress(BinaryPrimitives.ReadUInt32LittleEndian(request[12..]));
        if (operation > BlockRingInterface.WriteOperation || sectors is 0 or > BlockRingInterface.MostSectors || (long)first + sectors > _disk.Sectors)
        {
            return BlockRingStatus.BadRequest;
        }

        Span<byte> data = _data.AsSpan(0, sectors * DiskImage.SectorSize);
        if (operation == BlockRingInterface.ReadOperation)
        {
            _disk.Read(first, data);
            return _platform.DeviceMemory.TryWrite(buffer, data) ? BlockRingStatus.Done : BlockRingStatus.BadBuffer;
        }

        if (!_platform.DeviceMemory.TryRead(buffer, data))
        {
            return BlockRingStatus.BadBuffer;
        }

        _disk.Write(first, data);
        return BlockRingStatus.Done;
    }

    private void Break()
    {
        _s.IsBroken = true;
        _s.Action = Action.None;
        Deadline = long.MaxValue;
        Tell();
    }

    private void Tell()
    {
        _s.Told = true;
        _platform.SetIrq(BlockRingInterface.Line, Interrupts);
    }

    private void Later(Action action, long latency)
    {
        _s.Action = action;
        Deadline = _platform.Now + latency;
    }

    private int SectorsOf(uint index) => Math.Min((int)FetchedAt(index)[5], BlockRingInterface.MostSectors);

    private Span<byte> FetchedAt(uint index) =>
        _fetched.AsSpan((int)(index % BlockRingInterface.Entries) * BlockRingInterface.DescriptorBytes, BlockRingInterface.DescriptorBytes);

    private PhysicalAddress DescriptorAt(uint index) =>
        new(_s.Ring + (ulong)BlockRingInterface.Descriptors + index % BlockRingInterface.Entries * BlockRingInterface.DescriptorBytes);

    private bool TryReadIndex(int offset, out uint value)
    {
        Span<byte> raw = stackalloc byte[4];
        bool read = _platform.DeviceMemory.TryRead(new PhysicalAddress(_s.Ring + (ulong)offset), raw);
        value = BinaryPrimitives.ReadUInt32LittleEndian(raw);
        return read;
    }

    private bool TryWriteIndex(int offset, uint value)
    {
        Span<byte> raw = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(raw, value);
        return _platform.DeviceMemory.TryWrite(new PhysicalAddress(_s.Ring + (ulong)offset), raw);
    }

    private struct State
    {
        public uint Ring;
        public uint Consumed;
        public uint Responded;
        public Action Action;
        public bool IsBroken;
        public bool Told;
        public bool IsSilent;
    }
}
