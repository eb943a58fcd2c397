namespace Harness.Vmm;

/// <summary>
/// Everything that a run of one guest needs, whoever monitors it: the host's memory with the guest's in it, the host processor, the guest's virtual devices,
/// the monitor's emulator, the clock and the ledger.
/// </summary>
public sealed class GuestMachine : IDisposable
{
    /// <summary>The monitor's memory lies at the host-physical addresses below this; the guest's RAM follows it.</summary>
    public const long MonitorBytes = 8 << 20;

    private readonly Ram _ram;

    public GuestMachine(ProcessorModel model, GuestImage guest, PlatformOptions devices, CostProfile costs, IReadOnlyDictionary<string, string> options, bool keepEvents)
    {
        Guest = guest;
        Options = options;
        Clock = new GuestClock();
        Ledger = new Ledger(costs, keepEvents);
        _ram = new Ram(MonitorBytes + (long)devices.RamBytes, Computer.RomBytes);
        var guestPhysical = new PhysicalMemory(_ram, MonitorBytes);
        Platform = new Platform(devices, guestPhysical);
        Platform.A20Changed += guestPhysical.SetA20;
        GuestPhysical = guestPhysical;
        GuestMemory = new GuestMemoryMap(guestPhysical);
        Emulator = new Emulator(model, guestPhysical, Platform, Clock);
        Host = new Host(model, _ram, Clock);
        GuestLoader.Load(guest, guestPhysical);
        GuestLoader.Enter(guest, Emulator.Processor);
    }

    public GuestImage Guest { get; }

    public Platform Platform { get; }

    public Ledger Ledger { get; }

    public IReadOnlyDictionary<string, string> Options { get; }

    public RetiredCounts Retired { get; } = new();

    internal GuestClock Clock { get; }

    internal Host Host { get; }

    internal Emulator Emulator { get; }

    internal GuestMemoryMap GuestMemory { get; }

    /// <summary>The guest's physical address space.</summary>
    internal PhysicalMemory GuestPhysical { get; }

    public void Dispose()
    {
        Emulator.Dispose();
        Host.Dispose();
        _ram.Dispose();
    }
}
