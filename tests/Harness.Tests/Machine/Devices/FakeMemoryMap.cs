using Harness.Machine.Devices;

namespace Harness.Tests.Machine.Devices;

/// <summary>A memory map of the first 4 GiB that keeps each page's two targets and a megabyte of RAM.</summary>
internal sealed class FakeMemoryMap : IMemoryMap
{
    private const ulong PageSize = 4096;

    private readonly Dictionary<ulong, Target> _read = [];
    private readonly Dictionary<ulong, Target> _write = [];
    private readonly byte[] _ram = new byte[0x100000];

    /// <summary>Number of mapping calls so far.</summary>
    public int Calls { get; private set; }

    public void MapRam(ulong address, ulong length, ulong ramOffset, MapSide side) =>
        Set(Math.Min(length, 0x1000000), address, side, page => new Target(Ram: ramOffset + page, default, null));

    public void MapRom(ulong address, ReadOnlyMemory<byte> image) =>
        Set((ulong)image.Length, address, MapSide.Read, page => new Target(null, image[(int)page..], null));

    public void MapDevice(ulong address, ulong length, IMemoryDevice device, MapSide side) =>
        Set(length, address, side, page => new Target(page, default, device));

    public void Unmap(ulong address, ulong length, MapSide side) => Set(length, address, side, _ => default);

    public byte Read(ulong address)
    {
        var target = _read.GetValueOrDefault(address / PageSize);
        var offset = address % PageSize;
        return target switch
        {
            { Device: { } device } => (byte)device.Read(target.Ram!.Value + offset, 1),
            { Ram: { } ram } => _ram[ram + offset],
            { Rom.IsEmpty: false } => target.Rom.Span[(int)offset],
            _ => 0xFF,
        };
    }

    public void Write(ulong address, byte value)
    {
        var target = _write.GetValueOrDefault(address / PageSize);
        if (target.Device is { } device)
        {
            device.Write(target.Ram!.Value + address % PageSize, 1, value);
        }
        else if (target.Ram is { } ram)
        {
            _ram[ram + address % PageSize] = value;
        }
    }

    private void Set(ulong length, ulong address, MapSide side, Func<ulong, Target> target)
    {
        Calls++;
        for (var offset = 0ul; offset < length; offset += PageSize)
        {
            if (side.HasFlag(MapSide.Read))
            {
                _read[(address + offset) / PageSize] = target(offset);
            }

            if (side.HasFlag(MapSide.Write))
            {
                _write[(address + offset) / PageSize] = target(offset);
            }
        }
    }

    private readonly record struct Target(ulong? Ram, ReadOnlyMemory<byte> Rom, IMemoryDevice? Device);
}
