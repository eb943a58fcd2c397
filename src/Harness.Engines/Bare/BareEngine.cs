namespace Harness.Engines.Bare;

/// <summary>No monitor: the guest owns the machine. Every other engine is compared with it.</summary>
public sealed class BareEngine : IEngine
{
    public string Name => "bare";

    public string Description => "no monitor: the guest owns the machine; the reference";

    public MonitorKind Kind => MonitorKind.Bare;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

    public string NotOnSharedHost => "the bare machine is the host itself, whole";

    public bool Exposes(Feature feature) => true;

    public IMonitor Create(MonitorContext context) => new WholeMachine(context, (retired, count) =>
    {
        // The processor of the emulator is the machine itself here.
        retired.Direct = count;
        retired.Emulated = 0;
    });
}
