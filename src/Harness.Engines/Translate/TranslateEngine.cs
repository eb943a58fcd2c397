namespace Harness.Engines.Translate;

/// <summary>
/// Dynamic binary translation: kernel code runs from a cache of its copies in ring 1, in which sensitive instructions are callouts; user mode runs directly. Real
/// and virtual-8086 mode, rings 1 and 2 and 16-bit kernel code are interpreted.
/// </summary>
public sealed class TranslateEngine : IEngine
{
    public string Name => "translate";

    public string Description => "binary translation of the kernel, direct user mode";

    public MonitorKind Kind => MonitorKind.Translating;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

    public IMonitor Create(MonitorContext context) =>
        new DeprivilegingMonitor(context, new DirectExecution(KernelRing: 1, TrapsUserReturn: true, HasUserShadow: false, AddressSpaces: 1, Translates: true));
}
