namespace Harness.Vmm;

/// <summary>
/// Where a guest's memory lies in the host's, as the monitor laid it out: guest RAM and the guest's ROM images are runs of host pages; chipset registers decide
/// which of them, or which device, answers at a guest-physical address.
/// </summary>
public sealed class GuestMemoryMap
{
    private readonly PhysicalMemory _guest;

    internal GuestMemoryMap(PhysicalMemory guest) => _guest = guest;

    /// <summary>The chipset or the A20 gate changed the map: whatever was derived from it is stale.</summary>
    public event Action? Changed
    {
        add => _guest.MapChanged += value;
        remove => _guest.MapChanged -= value;
    }

    /// <summary>The host page behind a guest page, or null if a device or nothing answers.</summary>
    public HostPhysicalAddress? Translate(GuestPhysicalAddress address, bool write)
    {
        int page = write ? _guest.RamPageForWrites(new PhysicalAddress(address.Value)) : _guest.RamPageOf(new PhysicalAddress(address.Value));
        return page < 0 ? null : new HostPhysicalAddress((ulong)page * Ram.PageSize + (address.Value & (Ram.PageSize - 1)));
    }

    public void Read(GuestPhysicalAddress address, Span<byte> data) => _guest.Read(new PhysicalAddress(address.Value), data);

    public void Write(GuestPhysicalAddress address, ReadOnlySpan<byte> data)
    {
        NoteWrite(address, data);
        _guest.Write(new PhysicalAddress(address.Value), data);
    }

    /// <summary>Something that is no instruction of the guest is about to write.</summary>
    internal void NoteWrite(GuestPhysicalAddress address, ReadOnlySpan<byte> data) => Writing?.Invoke(address, data);

    /// <summary>Told of what the monitor, or a device by itself, writes for the guest.</summary>
    internal event MonitorWrite<GuestPhysicalAddress>? Writing;

    public uint ReadUInt32(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[4];
        Read(address, raw);
        return BitConverter.ToUInt32(raw);
    }

    public ulong ReadUInt64(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[8];
        Read(address, raw);
        return BitConverter.ToUInt64(raw);
    }
}

/// <summary>A write by the monitor itself.</summary>
internal delegate void MonitorWrite<TAddress>(TAddress address, ReadOnlySpan<byte> data);
