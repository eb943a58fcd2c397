namespace Harness.Vmm;

/// <summary>What an engine is given for one run. Everything that belongs to the harness rather than to a monitor is out of its reach.</summary>
public sealed class MonitorContext
{
    internal MonitorContext(GuestMachine machine) => Machine = machine;

    /// <summary>For the engines without a monitor of their own (bare); engines proper cannot see it.</summary>
    internal GuestMachine Machine { get; }

    /// <summary>
    /// Protections that the monitor leaves out: none in any run but those of tests that show that each of them is needed, which is why nothing outside sets it.
    /// </summary>
    public Protection Omitted
    {
        get => Machine.DeviceMemory.Omitted;
        internal init => Machine.DeviceMemory.Omitted = value;
    }

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
    private readonly List<RegimeCounts> _regimes = [];

    public long Direct { get; set; }

    public long Translated { get; set; }

    public long Emulated { get; set; }

    public long Guest => Direct + Translated + Emulated;

    /// <summary>By the modes of operation that the engine distinguishes, in the order in which they occurred; empty: it distinguishes none.</summary>
    public IReadOnlyList<RegimeCounts> Regimes => _regimes;

    /// <summary>The counts of a regime, which begins with the first question.</summary>
    public RegimeCounts Regime(string name)
    {
        RegimeCounts? found = _regimes.Find(r => r.Name == name);
        if (found is null)
        {
            _regimes.Add(found = new RegimeCounts(name));
        }

        return found;
    }
}

/// <summary>Guest instructions while the engine ran the guest in one of its modes of operation.</summary>
public sealed class RegimeCounts(string name)
{
    public string Name => name;

    public long Direct { get; set; }

    public long Emulated { get; set; }
}
