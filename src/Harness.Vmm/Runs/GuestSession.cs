namespace Harness.Vmm;

/// <summary>One guest at work under one engine, with whatever watches it; who runs it, and for how long at a time, is the owner's affair.</summary>
internal sealed class GuestSession : IDisposable
{
    private readonly RunRequest _request;
    private readonly PlatformOptions _devices;
    private readonly EffectRecorder? _recorder;
    private readonly DriverMachine? _driver;
    private bool _outputEnds;

    /// <param name="request">What to run; it has to be applicable.</param>
    /// <param name="filter">Which steps somebody wants to see; null: none.</param>
    /// <param name="recorded">Told of every event; null: nobody.</param>
    /// <param name="share">The machine's part of a host with several; null: the host is its own.</param>
    public GuestSession(RunRequest request, StepFilter? filter = null, Action<EngineEvent>? recorded = null, HostShare? share = null)
    {
        _request = request;
        ProcessorModel guestModel = request.Withheld.Aggregate(request.Model, (model, feature) => model.Without(feature));
        _devices = request.Devices.ToPlatform(request.Model, request.Guest);
        try
        {
            Machine = new GuestMachine(
                request.Model, request.Engine.ImageOf(request.Guest), _devices, request.Costs, request.Options, request.KeepEvents, guestModel, share: share);
            Machine.Ledger.Recorded += recorded;
            Machine.MachineEvents.Recorded += recorded;
            Machine.WatchOutput(request.Devices.DebugPorts, (port, value) =>
            {
                if (request.Output?.Invoke(port, value) == true)
                {
                    _outputEnds = true;
                    Machine.RequestStop();
                }
            });
            _driver = GuestRunner.DriverOf(request) is { } driver ? new DriverMachine(request, driver, guestModel, Machine) : null;
            Monitor = request.Engine.Create(new MonitorContext(Machine));
            if (request.CountCr3Loads)
            {
                Machine.CountCr3Loads();
            }

            GuestImage? original = request.Engine.Level == EquivalenceLevel.Programs ? request.Guest : null;
            _recorder = request.RecordEffects || filter is not null ? new EffectRecorder(Machine, Monitor, original, filter) : null;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GuestMachine Machine { get; } = null!;

    public IMonitor Monitor { get; } = null!;

    /// <summary>Output of the guest, or a watcher that has seen enough, has ended the run.</summary>
    public bool IsStopped => _outputEnds || _recorder is { IsDone: true };

    /// <summary>The result, once the guest has come to its end.</summary>
    /// <param name="end">By what.</param>
    /// <param name="again">See <see cref="EngineRun.Again"/>.</param>
    public EngineRun Finish(GuestEnd end, Action<StepFilter>? again = null)
    {
        GuestRegisters final = FinalRegisters();
        _recorder?.Finish(final);
        return new EngineRun(_request, Machine, end, Monitor.StopReason, final, _recorder) { Again = again };
    }

    public void Dispose()
    {
        Monitor?.Dispose();
        _driver?.Dispose();
        Machine?.Dispose();
        foreach (DiskImage? disk in (IEnumerable<DiskImage?>)[.. _devices.Disks, _devices.RingDisk])
        {
            disk?.Dispose();
        }
    }

    private GuestRegisters FinalRegisters()
    {
        if (Monitor.IsEmulating)
        {
            return GuestRegisters.Of(Machine.Emulator.Processor);
        }

        var registers = GuestRegisters.Of(Machine.Host.Processor, Monitor);
        Monitor.Translate(ref registers);
        return registers;
    }
}
