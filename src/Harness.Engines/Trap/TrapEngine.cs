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

    public string Name => layout.Name;

    public string Description => $"trap and emulate, the guest's ring 0 in ring {layout.KernelRing}";

    public MonitorKind Kind => MonitorKind.Deprivileged;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) =>
        guest.Entry.Mode == EntryMode.Protected ? null : "the guest starts in real mode, which ring deprivileging does not virtualize";

    /// <exception cref="ArgumentException">The option userReturn is neither "trap" nor "direct".</exception>
    public IMonitor Create(MonitorContext context)
    {
        string userReturn = context.Options.GetValueOrDefault("userReturn", "trap");
        return userReturn is "trap" or "direct"
            ? new TrapMonitor(context, layout, trapsUserReturn: userReturn == "trap")
            : throw new ArgumentException($"The option userReturn of {Name} is 'trap' or 'direct', not '{userReturn}'.");
    }
}
