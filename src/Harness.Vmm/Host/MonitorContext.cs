namespace Harness.Vmm;

/// <summary>What an engine is given for one run. Everything that belongs to the harness rather than to a monitor is out of its reach.</summary>
public sealed class MonitorContext
{
    internal MonitorContext(GuestMachine machine) => Machine = machine;

    /// <summary>For the engines without a monitor of their own (bare); engines proper cannot see it.</summary>
    internal GuestMachine Machine { get; }

    /// <summary>The real processor, memory and traps.</summary>
    public IHost Host => Machine.Host;

    /// <summary>The monitor's emulator, with the guest's virtual state after loading the guest: its entry state.</summary>
    public Emulator Emulator => Machine.Emulator;

    public GuestMemoryMap GuestMemory => Machine.GuestMemory;

    public GuestImage Guest => Machine.Guest;

    public Ledger Ledger => Machine.Ledger;

    /// <summary>Host-physical memory that is the monitor's alone: from 0 up to here. The guest's lies above.</summary>
    public long MonitorBytes => GuestMachine.MonitorBytes;

    /// <summary>Values of the engine's options by name, such as "userReturn".</summary>
    public IReadOnlyDictionary<string, string> Options => Machine.Options;

    /// <summary>Guest instructions that ran on the real processor, as the engine accounts for them.</summary>
    public RetiredCounts Retired => Machine.Retired;
}

/// <summary>How a guest's instructions were executed.</summary>
public sealed class RetiredCounts
{
    public long Direct { get; set; }

    public long Translated { get; set; }

    public long Emulated { get; set; }

    public long Guest => Direct + Translated + Emulated;
}
