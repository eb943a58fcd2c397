namespace Harness.Engines.Translate;

/// <summary>
/// Dynamic binary translation: kernel code runs from a cache of its copies in ring 1, in which sensitive instructions are emulated or callouts; user mode runs directly. Real
/// and virtual-8086 mode, rings 1 and 2 and 16-bit kernel code are interpreted.
/// </summary>
public sealed class TranslateEngine : IEngine
{
    public string Name => "translate";

    public string Description => "binary translation of the kernel, direct user mode";

    public MonitorKind Kind => MonitorKind.Translating;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => PreventedAccess.NotApplicable(model);

    public IReadOnlyList<string> Options { get; } = ["emulation", "adaptation", "cacheKiB", "paging", "largePages", "ring"];

    /// <summary>
    /// Options: emulation, whether CLI, STI, PUSHF, POPF and RDTSC are emulated in the cache ("in-cache", the default) or left to the monitor ("callout");
    /// adaptation, whether accesses that keep faulting on traced memory become callouts ("on", the default, or "off"); cacheKiB, how much code the cache holds;
    /// paging, see <see cref="EngineOption.AddressSpaces"/>; largePages, see <see cref="EngineOption.HasLargePages"/>; ring, see <see cref="EngineOption.DedicatesRing"/>.
    /// </summary>
    /// <exception cref="ArgumentException">An option has another value.</exception>
    public IMonitor Create(MonitorContext context)
    {
        var options = new TranslationOptions(
            EngineOption.Read(context, Name, "emulation", "in-cache", "callout") == "in-cache",
            EngineOption.Read(context, Name, "adaptation", "on", "off") == "on",
            (uint)EngineOption.ReadNumber(context, Name, "cacheKiB", TranslationCache.MostKiB, 4, TranslationCache.MostKiB) * 1024);
        return new DeprivilegingMonitor(
            context,
            new DirectExecution(KernelRing: 1, TrapsUserReturn: true, HasUserShadow: false, EngineOption.AddressSpaces(context, Name), options)
            {
                HasLargePages = EngineOption.HasLargePages(context, Name),
                DedicatesRing = EngineOption.DedicatesRing(context, Name),
            });
    }
}
