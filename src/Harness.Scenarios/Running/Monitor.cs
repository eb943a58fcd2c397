using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>Classes of engines by the names that read well in <see cref="RunSet.Each"/>.</summary>
public static class Monitor
{
    /// <inheritdoc cref="MonitorKind.Interpreter"/>
    public const MonitorKind Interpreter = MonitorKind.Interpreter;

    /// <inheritdoc cref="MonitorKind.Deprivileged"/>
    public const MonitorKind Deprivileged = MonitorKind.Deprivileged;

    /// <summary>The guest kernel is translated.</summary>
    public const MonitorKind Translating = MonitorKind.Translating;

    /// <summary>The guest calls its monitor.</summary>
    public const MonitorKind Paravirtual = MonitorKind.Paravirtual;

    /// <inheritdoc cref="MonitorKind.HardwareAssisted"/>
    public const MonitorKind HardwareAssisted = MonitorKind.HardwareAssisted;

    /// <inheritdoc cref="MonitorKind.Hybrid"/>
    public const MonitorKind Hybrid = MonitorKind.Hybrid;

    /// <inheritdoc cref="MonitorKind.Any"/>
    public const MonitorKind Any = MonitorKind.Any;

    /// <summary>Any monitor that runs the guest's kernel as it is: what it does can be compared instruction by instruction.</summary>
    public const MonitorKind Unmodified = MonitorKind.Any & ~MonitorKind.Paravirtual;
}
