namespace Harness.Engines.Trap;

/// <summary>The layout of a ring-deprivileging monitor.</summary>
/// <param name="Name">The engine's name.</param>
/// <param name="KernelRing">The ring that stands for the guest's ring 0: 1 or 3.</param>
public sealed record TrapLayout(string Name, int KernelRing);

/// <summary>
/// Trap and emulate with ring deprivileging: the guest's kernel runs in a less privileged ring over shadow descriptor and page tables, and what traps there is
/// emulated. What does not trap goes as wrong as it does on the processor.
/// </summary>
public sealed class TrapEngine(TrapLayout layout) : IEngine
{
    /// <summary>The monitor in ring 0, the guest's kernel in ring 1, its users in ring 3.</summary>
    public static TrapEngine Trap013 { get; } = new(new TrapLayout("trap013", KernelRing: 1));

    /// <summary>The monitor in ring 0, the guest's kernel and its users in ring 3: all that is left of their difference is what the monitor keeps up.</summary>
    public static TrapEngine Trap033 { get; } = new(new TrapLayout("trap033", KernelRing: 3));

    public string Name => layout.Name;

    public string Description => $"trap and emulate, the guest's ring 0 in ring {layout.KernelRing}";

    public MonitorKind Kind => MonitorKind.Deprivileged;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) =>
        guest.Entry.Mode == EntryMode.Protected ? PreventedAccess.NotApplicable(model) : "the guest starts in real mode, which ring deprivileging does not virtualize";

    public IReadOnlyList<string> Options { get; } = ["userReturn", "shadows", "paging", "largePages", "ring"];

    /// <summary>
    /// Options: userReturn, whether a return to user mode traps ("trap", the default) or not ("direct"); shadows, where kernel and users share ring 3: "one" for
    /// both (the default), which leaves the users what the kernel has touched, or "two"; paging, see <see cref="EngineOption.AddressSpaces"/>; largePages, see
    /// <see cref="EngineOption.HasLargePages"/>; ring, see <see cref="EngineOption.DedicatesRing"/>.
    /// </summary>
    /// <exception cref="ArgumentException">An option has another value, or a user whom the monitor does not see would reach the device of its kernel.</exception>
    public IMonitor Create(MonitorContext context)
    {
        bool trapsUserReturn = EngineOption.Read(context, Name, "userReturn", "trap", "direct") == "trap";
        bool isPair = EngineOption.Read(context, Name, "shadows", "one", "two") == "two" && layout.KernelRing == 3;
        bool dedicates = EngineOption.DedicatesRing(context, Name);
        if (dedicates && !trapsUserReturn)
        {
            throw new ArgumentException($"The option ring of {Name} is 'dedicated' only where userReturn is 'trap': the monitor closes the ports when users run.");
        }

        return new DeprivilegingMonitor(
            context,
            new DirectExecution(layout.KernelRing, trapsUserReturn, isPair, EngineOption.AddressSpaces(context, Name))
            {
                HasLargePages = EngineOption.HasLargePages(context, Name),
                DedicatesRing = dedicates,
            });
    }
}
