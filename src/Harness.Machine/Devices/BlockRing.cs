using System.Buffers.Binary;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// A disk that takes requests from a ring in memory, moves the data by itself, and interrupts when the driver has asked for it; see <see cref="BlockRingInterface"/>. A
/// request is fetched once, with the data of a write, and carried out at once: what the driver makes of its descriptor afterwards does not matter. Its response comes when a
/// disk would have been ready, with the data of a read. Addresses are checked when they are used.
/// </summary>
internal sealed class BlockRing : Device, IPortDevice
{
    private const int MostBytes = BlockRingInterface.MostSectors * DiskImage.SectorSize;
    private const uint PageMask = 0xFFFFF000;

    private readonly Platform _platform;
    private readonly DiskImage _disk;

    /// <summary>The requests that were fetched, each at its descriptor's place, with their data and how they ended.</summary>
    private byte[] _fetched = new byte[BlockRingInterface.Entries * BlockRingInterface.DescriptorBytes];
    private byte[] _data = new byte[BlockRingInterface.Entries * MostBytes];
    private byte[] _results = new byte[BlockRingInterface.Entries];
    private State _s;

    public BlockRing(Platform platform, DiskImage disk) : base("blockring")
    {
        _platform = platform;
        _disk = disk;
        Backend = new DiskBackend(disk);
        platform.Ports.Map(BlockRingInterface.FirstPort, BlockRingInterface.Ports, 4, this);
    }

    private enum Action : byte
    {
        None,
        Fetch,
        Complete,
    }

    /// <summary>At first the disk itself.</summary>
    public IBlockBackend Backend { get; set; }

    /// <summary>It has told of responses, by its line or, where that is silent, only to who asks.</summary>
    public bool HasTold => _s.Told;

    private bool Interrupts => _s.Told && !_s.IsSilent;

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
        visitor.Bytes("data", ref _data);
        visitor.Bytes("results", ref _results);
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

    /// <summary>False: the driver claims more requests than descriptors can hold, or fewer than it has made, or the ring cannot be read.</summary>
    private bool TryFetch()
    {
        if (!TryReadIndex(BlockRingInterface.RequestProducer, out uint produced)
            || produced - _s.Responded > BlockRingInterface.Entries || produced - _s.Responded < Outstanding)
        {
            return false;
        }

        Span<BlockRequest> requests = new BlockRequest[BlockRingInterface.Entries];
        Span<uint> places = stackalloc uint[BlockRingInterface.Entries];
        Span<BlockRingStatus> results = stackalloc BlockRingStatus[BlockRingInterface.Entries];
        int count = 0;
        for (; _s.Consumed != produced; _s.Consumed++)
        {
            if (!_platform.DeviceMemory.TryRead(DescriptorAt(_s.Consumed), FetchedAt(_s.Consumed)))
            {
                return false;
            }

            BlockRingStatus status = Check(_s.Consumed, out BlockRequest request);
            SetResult(_s.Consumed, status);
            if (status == BlockRingStatus.Done)
            {
                places[count] = _s.Consumed;
                requests[count++] = request;
            }
        }

        if (count != 0)
        {
            Backend.CarryOut(requests[..count], results);
        }

        for (int i = 0; i < count; i++)
        {
            SetResult(places[i], results[i]);
        }

        return true;
    }

    /// <summary>What the request at an index asks for, with the data of a write.</summary>
    private BlockRingStatus Check(uint index, out BlockRequest request)
    {
        Span<byte> raw = FetchedAt(index);
        bool isWrite = raw[4] == BlockRingInterface.WriteOperation;
        int sectors = raw[5];
        uint first = BinaryPrimitives.ReadUInt32LittleEndian(raw[8..]);
        request = default;
        if (raw[4] > BlockRingInterface.WriteOperation || sectors is 0 or > BlockRingInterface.MostSectors || (long)first + sectors > _disk.Sectors)
        {
            return BlockRingStatus.BadRequest;
        }

        request = new BlockRequest(isWrite, first, _data.AsMemory((int)(index % BlockRingInterface.Entries) * MostBytes, sectors * DiskImage.SectorSize));
        return !isWrite || _platform.DeviceMemory.TryRead(BufferOf(raw), request.Data.Span) ? BlockRingStatus.Done : BlockRingStatus.BadBuffer;
    }

    /// <summary>Hands over the data of the oldest request and puts its response where it was.</summary>
    private void Complete()
    {
        uint index = _s.Responded;
        Span<byte> request = FetchedAt(index);
        BlockRingStatus status = ResultOf(index);
        if (status == BlockRingStatus.Done && request[4] == BlockRingInterface.ReadOperation
            && !_platform.DeviceMemory.TryWrite(BufferOf(request), _data.AsSpan((int)(index % BlockRingInterface.Entries) * MostBytes, request[5] * DiskImage.SectorSize)))
        {
            status = BlockRingStatus.BadBuffer;
        }

        Span<byte> response = stackalloc byte[8];
        request[..4].CopyTo(response);
        BinaryPrimitives.WriteInt32LittleEndian(response[4..], (int)status);
        if (!_platform.DeviceMemory.TryWrite(DescriptorAt(index), response)
            || !TryWriteIndex(BlockRingInterface.ResponseProducer, index + 1)
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

    private static PhysicalAddress BufferOf(ReadOnlySpan<byte> request) => new(BinaryPrimitives.ReadUInt32LittleEndian(request[12..]));

    private BlockRingStatus ResultOf(uint index) => (BlockRingStatus)(sbyte)_results[index % BlockRingInterface.Entries];

    private void SetResult(uint index, BlockRingStatus status) => _results[index % BlockRingInterface.Entries] = (byte)(sbyte)status;

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
