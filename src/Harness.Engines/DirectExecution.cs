using Harness.Engines.Translate;

namespace Harness.Engines;

/// <summary>What of a guest runs directly on the processor, and how its privilege levels are kept apart.</summary>
/// <param name="KernelRing">The ring that stands for the guest's ring 0: 1 or 3. 0: the kernel does not run directly, it is interpreted.</param>
/// <param name="TrapsUserReturn">User code is not present while the kernel runs, so that every return to user mode traps.</param>
/// <param name="HasUserShadow">Users have shadow page tables of their own.</param>
/// <param name="AddressSpaces">Address spaces of the guest whose shadows are kept.</param>
/// <param name="Translation">How translated copies of the kernel's code are made, which run in its place; null: there are none.</param>
internal sealed record DirectExecution(int KernelRing, bool TrapsUserReturn, bool HasUserShadow, int AddressSpaces, TranslationOptions? Translation = null)
{
    /// <summary>See <see cref="MonitorContext.Omitted"/>.</summary>
    public Protection Omitted { get; init; }

    /// <summary>The guest's kernel reaches the ports of the block device with a ring without the monitor.</summary>
    public bool DedicatesRing { get; init; }

    /// <summary>See <see cref="EngineOption.HasLargePages"/>.</summary>
    public bool HasLargePages { get; init; }

    public bool RunsKernel => KernelRing != 0;
}
