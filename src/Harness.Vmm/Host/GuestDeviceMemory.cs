namespace Harness.Vmm;

/// <summary>What a monitor says to a device that is about to write to a page of its guest by itself.</summary>
public enum DeviceWrite
{
    /// <summary>Nothing depends on the page.</summary>
    Allowed,

    /// <summary>The monitor has derived something from the page: it has to hear of the write before the guest goes on.</summary>
    Reported,

    /// <summary>The page has to stay as the monitor has checked it.</summary>
    Refused,
}

/// <summary>
/// What devices reach of a guest's memory by themselves. A virtual device is the monitor, which copies; a device that is the guest's own passes a remapping unit
/// (AMD, "I/O Virtualization Technology Specification"; Intel, "Virtualization Technology for Directed I/O", 3). Both go by the guest-physical map, page by page, and
/// ask the monitor about writes.
/// </summary>
internal sealed class GuestDeviceMemory(GuestMachine machine) : IDeviceMemory
{
    /// <summary>See <see cref="MonitorContext.Omitted"/>.</summary>
    public Protection Omitted { get; set; }

    public bool TryRead(PhysicalAddress address, Span<byte> data)
    {
        if ((Omitted & Protection.DeviceMemory) != 0)
        {
            machine.Host.PhysicalMemory.Read(Unchecked(address), data);
            return true;
        }

        return machine.GuestPhysical.TryRead(address, data);
    }

    public bool TryWrite(PhysicalAddress address, ReadOnlySpan<byte> data)
    {
        if ((Omitted & Protection.DeviceMemory) != 0)
        {
            machine.Host.PhysicalMemory.Write(Unchecked(address), data);
            return true;
        }

        if (!machine.GuestPhysical.Answers(address, data.Length, write: true))
        {
            return false;
        }

        Func<GuestPhysicalAddress, DeviceWrite>? ask = machine.Emulator.DeviceWrites;
        for (ulong page = address.Value / Ram.PageSize; ask is not null && page <= (address.Value + (ulong)data.Length - 1) / Ram.PageSize; page++)
        {
            if (ask(new GuestPhysicalAddress(page * Ram.PageSize)) == DeviceWrite.Refused)
            {
                return false;
            }
        }

        for (int done = 0; done < data.Length;)
        {
            var at = new GuestPhysicalAddress(address.Value + (ulong)done);
            int count = Math.Min(data.Length - done, Ram.PageSize - (int)(at.Value & (Ram.PageSize - 1)));
            Write(at, data.Slice(done, count), ask);
            done += count;
        }

        return true;
    }

    private void Write(GuestPhysicalAddress at, ReadOnlySpan<byte> data, Func<GuestPhysicalAddress, DeviceWrite>? ask)
    {
        machine.GuestMemory.NoteWrite(at, data);
        machine.GuestPhysical.TryWrite(new PhysicalAddress(at.Value), data);
        if (ask is null || ask(new GuestPhysicalAddress(at.Value & ~(Ram.PageSize - 1ul))) == DeviceWrite.Reported)
        {
            machine.Emulator.NoteStore(at, data.Length);
            machine.Host.NoteDeviceReport();
        }
    }

    /// <summary>Where an address leads that nobody checks: a monitor adds where the guest begins, and the sum of 32 bits wraps; a device of the guest's own takes it as it is.</summary>
    private PhysicalAddress Unchecked(PhysicalAddress address) => new((uint)(address.Value + (machine.Host.HasDedicatedRing ? 0ul : (ulong)GuestMachine.MonitorBytes)));
}
