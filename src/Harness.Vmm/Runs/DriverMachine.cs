namespace Harness.Vmm;

/// <summary>Where a driver lives that is not in the monitor.</summary>
public enum DriverPlace
{
    /// <summary>
    /// In the operating system that the monitor is installed in (type 2). It owns the hardware: interrupts of the host go to it too. Source: Sugerman, Venkitachalam, Lim,
    /// "Virtualizing I/O Devices on VMware Workstation's Hosted Virtual Machine Monitor", USENIX 2001, 2.
    /// </summary>
    HostSystem,

    /// <summary>In a machine of its own under the same monitor. Source: Barham et al., SOSP 2003, 3.2; Fraser et al., "Safe Hardware Access with the Xen Virtual Machine Monitor", OASIS 2004.</summary>
    ServiceMachine,
}

/// <summary>A machine whose kernel drives the disk of another one.</summary>
/// <param name="Place">Where it lives.</param>
/// <param name="Engine">What it runs under: no monitor for a host's system.</param>
/// <param name="Guest">Its kernel, which halts when it has nothing to do.</param>
/// <param name="Devices">Its own, the disk among them.</param>
/// <param name="Options">Of its engine.</param>
public sealed record DriverRequest(DriverPlace Place, IEngine Engine, GuestImage Guest, GuestDevices Devices, IReadOnlyDictionary<string, string> Options);

/// <summary>
/// Runs such a machine when there are requests for it, until it waits again. The other machine does not: its monitor has left it. Both ways are events of
/// <see cref="EngineEventKind.Switch"/> with the cause "world"; what happens to the driver's machine itself is in the same ledger, with a reason that begins with "driver".
/// </summary>
internal sealed class DriverMachine : IBlockBackend, IDisposable
{
    /// <summary>Ticks that it has for one batch, and to start; one that takes more has failed for good.</summary>
    private const long Budget = 1_000_000;

    private readonly GuestMachine _machine;
    private readonly IMonitor _monitor;
    private readonly GuestMachine _served;
    private readonly PlatformOptions _devices;
    private bool _isAlive;

    public DriverMachine(RunRequest request, DriverRequest driver, ProcessorModel guestModel, GuestMachine served)
    {
        _served = served;
        _devices = (driver.Devices with { RingService = true }).ToPlatform(request.Model, driver.Guest);
        _machine = new GuestMachine(request.Model, driver.Engine.ImageOf(driver.Guest), _devices, request.Costs, driver.Options, keepEvents: false, guestModel);
        _monitor = driver.Engine.Create(new MonitorContext(_machine));
        _isAlive = RunUntilIdle();
        _machine.Ledger.Recorded += Note;
        served.Platform.SetRingBackend(this);
        if (driver.Place == DriverPlace.HostSystem)
        {
            served.Host.Interrupted += Forward;
        }
    }

    public void CarryOut(ReadOnlySpan<BlockRequest> requests, Span<BlockRingStatus> results)
    {
        if (!_isAlive || !_machine.Platform.TryPutRequests(requests))
        {
            results[..requests.Length].Fill(BlockRingStatus.Failed);
            return;
        }

        Run();
        _machine.Platform.TakeResponses(requests, results);
    }

    public void Dispose()
    {
        _monitor.Dispose();
        _machine.Dispose();
        foreach (DiskImage? disk in (IEnumerable<DiskImage?>)[.. _devices.Disks, _devices.RingDisk])
        {
            disk?.Dispose();
        }
    }

    /// <summary>An interrupt of the host belongs to its system, whoever it was for.</summary>
    private void Forward()
    {
        if (_isAlive)
        {
            _machine.Platform.TellService();
            Run();
        }
    }

    private void Run()
    {
        NoteSwitch("to-driver");
        _isAlive = RunUntilIdle();
        NoteSwitch("from-driver");
    }

    private bool RunUntilIdle()
    {
        _machine.Host.Limit = _machine.Clock.Ticks + Budget;
        return _monitor.Run(_machine.Host.Limit) == GuestEnd.HaltedForever;
    }

    private void NoteSwitch(string reason) => _served.Ledger.Record(new EngineEvent { Kind = EngineEventKind.Switch, Cause = "world", Reason = reason });

    private void Note(EngineEvent e)
    {
        if (e.Kind is not (EngineEventKind.Translation or EngineEventKind.InCache))
        {
            _served.Ledger.Record(e with { Reason = e.Reason.Length == 0 ? "driver" : $"driver {e.Reason}", Address = default });
        }
    }
}
