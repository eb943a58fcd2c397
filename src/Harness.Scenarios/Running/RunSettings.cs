using Harness.Machine.Devices;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>What a run rarely needs to say.</summary>
public sealed record RunSettings
{
    /// <summary>Which engines run beside the bare machine.</summary>
    public MonitorKind Monitors { get; init; } = MonitorKind.Any;

    /// <summary>Of the machine's random streams.</summary>
    public ulong Seed { get; init; }

    /// <summary>Options of engines by name, such as "userReturn".</summary>
    public IReadOnlyDictionary<string, string> EngineOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>Disks, input and further devices.</summary>
    public GuestDevices Devices { get; init; } = new();

    /// <summary>Who drives the disk behind the ring of requests where there is a monitor; null: the monitor.</summary>
    public RingDriver? RingDriver { get; init; }

    /// <summary>Disturbances from outside, beside those of <see cref="ScenarioContext.Inject"/>.</summary>
    public IReadOnlyList<Injection> Injections { get; init; } = [];

    /// <summary>
    /// Compare with the bare machine and watch resource control. It makes the machine stop at every instruction: a guest of many millions of them may do without,
    /// and then neither property is judged.
    /// </summary>
    public bool JudgeProperties { get; init; } = true;

    /// <summary>Loads of CR3 are events of kind <see cref="EngineEventKind.Cr3Load"/>: the guest's at level 0, the real ones under a monitor at level 1.</summary>
    public bool CountCr3Loads { get; init; }

    /// <summary>The guest is a hypervisor itself: it sees the model's virtualization features, and engines that do not expose them are not applicable.</summary>
    public bool ExposeVirtualization { get; init; }
}

/// <summary>A machine whose kernel drives the disk behind the ring of requests: <see cref="GuestKernel.ServeRing"/>.</summary>
/// <param name="Place">In the host's operating system, which runs on the processor itself, or in a service machine under the engine that runs the guest.</param>
/// <param name="Guest">Its kernel.</param>
/// <param name="Devices">Its own devices, the disk among them.</param>
public sealed record RingDriver(DriverPlace Place, Harness.Machine.GuestImage Guest, GuestDevices Devices)
{
    /// <summary>As <see cref="RunSettings.EngineOptions"/>.</summary>
    public IReadOnlyDictionary<string, string> EngineOptions { get; init; } = new Dictionary<string, string>();
}
