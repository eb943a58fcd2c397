namespace Harness.Machine.Devices;

/// <summary>What a <see cref="Platform"/> is built with.</summary>
public sealed record PlatformOptions
{
    public const long LeastTicksPerSecond = 1_000_000;
    public const long MostTicksPerSecond = 1_000_000_000_000;

    /// <summary>RAM in bytes: a multiple of 64 KiB, at least 1 MiB. What exceeds 3 GiB lies above 4 GiB.</summary>
    public required ulong RamBytes { get; init; }

    /// <summary>Guest ticks in a second, from <see cref="LeastTicksPerSecond"/> to <see cref="MostTicksPerSecond"/>.</summary>
    public required ulong TicksPerSecond { get; init; }

    /// <summary>
    /// The firmware, a multiple of 64 KiB up to 16 MiB, whose last byte lies below 4 GiB. Without it the chipset starts as firmware leaves it:
    /// RAM at C0000h-FFFFFh, power management at port 600h.
    /// </summary>
    public ReadOnlyMemory<byte>? BiosImage { get; init; }

    /// <summary>Up to four disks: primary master and slave, secondary master and slave; null leaves a place empty.</summary>
    public IReadOnlyList<DiskImage?> Disks { get; init; } = [];

    /// <summary>The disk behind the ring of requests at port A00h (<see cref="BlockRingInterface"/>); null: there is no such device.</summary>
    public DiskImage? RingDisk { get; init; }

    /// <summary>The machine drives another's disk (<see cref="BlockServiceInterface"/>).</summary>
    public bool RingService { get; init; }

    /// <summary>What COM1 receives, in ascending ticks.</summary>
    public IReadOnlyList<TimedInput> SerialInput { get; init; } = [];

    /// <summary>What is typed, in ascending ticks.</summary>
    public IReadOnlyList<TimedInput> KeyboardInput { get; init; } = [];

    /// <summary>Ports whose written bytes are kept, such as 402h for SeaBIOS and E9h.</summary>
    public IReadOnlyList<ushort> DebugPorts { get; init; } = [];

    /// <summary>The port whose written value v ends the run with the exit code 2v + 1.</summary>
    public ushort? ExitPort { get; init; }

    /// <summary>There is a task-priority register at FEE00080h, which no processor model announces.</summary>
    public bool TaskPriority { get; init; }

    /// <summary>There is a balloon device at port 580h.</summary>
    public bool Balloon { get; init; }

    /// <summary>What the balloon device asks for by itself, where no host does.</summary>
    public IReadOnlyList<BalloonTarget> BalloonTargets { get; init; } = [];

    /// <summary>Further files for the firmware.</summary>
    public IReadOnlyList<FirmwareFile> FirmwareFiles { get; init; } = [];

    /// <summary>Disturbances from outside.</summary>
    public IReadOnlyList<Injection> Injections { get; init; } = [];

    /// <summary>The time of the real-time clock at tick 0.</summary>
    public DateTime StartTime { get; init; } = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
}
