namespace Harness.Vmm;

/// <summary>
/// Where a guest's memory lies in the host's, as the monitor laid it out: guest RAM and the guest's ROM images are runs of host pages; chipset registers decide
/// which of them, or which device, answers at a guest-physical address. On a host with several machines a page of RAM is in any frame or in none, and the host
/// moves it: what is asked for here is there afterwards, and <see cref="FrameChanged"/> tells what is not any more.
/// </summary>
public sealed class GuestMemoryMap
{
    private readonly PhysicalMemory _guest;
    private readonly ulong _origin;

    /// <summary><paramref name="origin"/>: where the monitor's host-physical address 0 would lie in RAM, were the guest's memory to follow at once.</summary>
    internal GuestMemoryMap(PhysicalMemory guest, long origin)
    {
        _guest = guest;
        _origin = (ulong)origin;
    }

    /// <summary>
    /// The host has taken a frame away from the guest (false), or the right to touch it or write to it at once (true: the guest's page is still in it). No mapping to
    /// it may stay.
    /// </summary>
    public event Action<HostPhysicalAddress, bool>? FrameChanged;

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
        return page < 0 ? null : new HostPhysicalAddress((ulong)page * Ram.PageSize - _origin + (address.Value & (Ram.PageSize - 1)));
    }

    /// <summary>Reads and writes go to one and the same page of the guest's RAM, be it there or not.</summary>
    public bool IsRam(GuestPhysicalAddress address) => _guest.IsRam(new PhysicalAddress(address.Value));

    /// <summary>The page can be written where it is read, without more ado.</summary>
    public bool IsWritable(GuestPhysicalAddress address) => _guest.IsWritableInPlace(new PhysicalAddress(address.Value));

    /// <summary>Has the host bring a page, for a fault that the guest does not see; the result says what was in the way.</summary>
    public FrameFault Touch(GuestPhysicalAddress address, bool write) => _guest.Touch(new PhysicalAddress(address.Value), write);

    internal void NoteFrame(int frame, bool stays) => FrameChanged?.Invoke(new HostPhysicalAddress((ulong)frame * Ram.PageSize - _origin), stays);

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
