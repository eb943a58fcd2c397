using System.Buffers.Binary;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>The driver's end of another machine's disk; see <see cref="BlockServiceInterface"/>. Who owns the platform puts requests, lets the machine run, and takes responses.</summary>
internal sealed class BlockService : Device, IPortDevice
{
    private const uint PageMask = 0xFFFFF000;
    private readonly Platform _platform;
    private State _s;

    public BlockService(Platform platform) : base("blockservice")
    {
        _platform = platform;
        platform.Ports.Map(BlockServiceInterface.FirstPort, BlockServiceInterface.Ports, 4, this);
    }

    public uint In(ushort port, int size)
    {
        switch (port)
        {
            case BlockServiceInterface.RingPort:
                return _s.Ring;
            case BlockServiceInterface.BuffersPort:
                return _s.Buffers;
            case BlockServiceInterface.EventPort:
                uint told = _s.Told ? 1u : 0;
                _s.Told = false;
                _platform.SetIrq(BlockServiceInterface.Line, false);
                return told;
            default:
                return uint.MaxValue;
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        switch (port)
        {
            case BlockServiceInterface.RingPort when size == 4:
                Reset();
                _s.Ring = value & PageMask;
                break;
            case BlockServiceInterface.BuffersPort when size == 4:
                _s.Buffers = value & PageMask;
                break;
            default:
                // The doorbell: responses are taken when the machine waits again.
                break;
        }
    }

    public override void Reset()
    {
        _s = default;
        _platform.SetIrq(BlockServiceInterface.Line, false);
    }

    public override void Visit(IStateVisitor visitor) => visitor.Value("state", ref _s);

    public void Tell()
    {
        _s.Told = true;
        _platform.SetIrq(BlockServiceInterface.Line, true);
    }

    /// <summary>Puts requests into the driver's memory and raises the line. False: it has not said where, or that is no memory.</summary>
    public bool TryPut(ReadOnlySpan<BlockRequest> requests)
    {
        Span<byte> raw = stackalloc byte[BlockRingInterface.DescriptorBytes];
        bool put = _s.Ring != 0;
        for (int i = 0; i < requests.Length && put; i++)
        {
            BlockRequest request = requests[i];
            uint index = _s.Produced + (uint)i;
            BinaryPrimitives.WriteUInt32LittleEndian(raw, index);
            raw[4] = request.IsWrite ? BlockRingInterface.WriteOperation : BlockRingInterface.ReadOperation;
            raw[5] = (byte)(request.Data.Length / DiskImage.SectorSize);
            BinaryPrimitives.WriteUInt32LittleEndian(raw[8..], request.First);
            BinaryPrimitives.WriteUInt32LittleEndian(raw[12..], (uint)BufferAt(index).Value);
            put = _platform.DeviceMemory.TryWrite(DescriptorAt(index), raw) && (!request.IsWrite || _platform.DeviceMemory.TryWrite(BufferAt(index), request.Data.Span));
        }

        _s.Produced += put ? (uint)requests.Length : 0;
        BinaryPrimitives.WriteUInt32LittleEndian(raw, _s.Produced);
        if (put && _platform.DeviceMemory.TryWrite(new PhysicalAddress(_s.Ring + (ulong)BlockRingInterface.RequestProducer), raw[..4]))
        {
            Tell();
            return true;
        }

        return false;
    }

    /// <summary>Takes the responses to the requests that were put last, with the data of reads. What has no proper response has failed.</summary>
    public void Take(ReadOnlySpan<BlockRequest> requests, Span<BlockRingStatus> results)
    {
        Span<byte> raw = stackalloc byte[8];
        bool answered = _platform.DeviceMemory.TryRead(new PhysicalAddress(_s.Ring + (ulong)BlockRingInterface.ResponseProducer), raw[..4])
            && BinaryPrimitives.ReadUInt32LittleEndian(raw) == _s.Produced;
        for (int i = 0; i < requests.Length; i++)
        {
            uint index = _s.Produced - (uint)requests.Length + (uint)i;
            bool done = answered && _platform.DeviceMemory.TryRead(DescriptorAt(index), raw)
                && BinaryPrimitives.ReadUInt32LittleEndian(raw) == index && BinaryPrimitives.ReadInt32LittleEndian(raw[4..]) == (int)BlockRingStatus.Done
                && (requests[i].IsWrite || _platform.DeviceMemory.TryRead(BufferAt(index), requests[i].Data.Span));
            results[i] = done ? BlockRingStatus.Done : BlockRingStatus.Failed;
        }
    }

    private PhysicalAddress DescriptorAt(uint index) =>
        new(_s.Ring + (ulong)BlockRingInterface.Descriptors + index % BlockRingInterface.Entries * BlockRingInterface.DescriptorBytes);

    private PhysicalAddress BufferAt(uint index) => new(_s.Buffers + (ulong)(index % BlockRingInterface.Entries) * Ram.PageSize);

    private struct State
    {
        public uint Ring;
        public uint Buffers;
        public uint Produced;
        public bool Told;
    }
}
