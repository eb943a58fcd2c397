namespace Harness.Vmm;

/// <summary>One guest under one engine: everything that the result depends on.</summary>
public sealed record RunRequest
{
    public required IEngine Engine { get; init; }

    /// <summary>Of the physical machine.</summary>
    public required ProcessorModel Model { get; init; }

    public required GuestImage Guest { get; init; }

    public required CostProfile Costs { get; init; }

    /// <summary>
    /// Features of the model that the guest is not shown, under any engine, so that one bare run is the reference of all. A guest that is itself a hypervisor
    /// empties the list; engines that do not expose the features are then not applicable.
    /// </summary>
    public IReadOnlyList<Feature> Withheld { get; init; } = [Feature.Vmx];

    /// <summary>Ticks of the guest clock, halted ones excepted, after which the run ends with <see cref="GuestEnd.Limit"/>.</summary>
    public long MaxInstructions { get; init; } = 50_000_000;

    /// <summary>Of the machine's random streams.</summary>
    public ulong Seed { get; init; }

    /// <summary>Options of the engine by name, such as "userReturn".</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>Keep every event in <see cref="Ledger.All"/>, not only the totals.</summary>
    public bool KeepEvents { get; init; }

    /// <summary>Record what <see cref="Equivalence"/> compares. It costs speed: the processor stops at every instruction.</summary>
    public bool RecordEffects { get; init; } = true;

    /// <summary>
    /// Record the guest's loads of CR3 and the real ones, from the guest's start on (<see cref="EngineEventKind.Cr3Load"/>). Hardware that assists loads it at every entry
    /// and exit, so that there would be three events for one. A guest that makes hypercalls loads none itself.
    /// </summary>
    public bool CountCr3Loads { get; init; }

    public GuestDevices Devices { get; init; } = new();

    /// <summary>The machine whose kernel drives the disk behind the ring of requests; null: the monitor does, or, on the bare machine, the disk is there.</summary>
    public DriverRequest? Driver { get; init; }

    /// <summary>
    /// Told of each byte that the guest sends, as it does, with the port: 3F8h for COM1, or a debug port. True ends the run with <see cref="GuestEnd.Stopped"/>.
    /// </summary>
    public Func<ushort, byte, bool>? Output { get; init; }

    /// <summary>Looked at now and then; the run ends with <see cref="GuestEnd.Stopped"/>.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>What is attached to a guest's machine.</summary>
public sealed record GuestDevices
{
    /// <summary>The port whose written value v ends the run with the exit code 2v + 1; null: none.</summary>
    public ushort? ExitPort { get; init; } = 0xF4;

    /// <summary>What COM1 receives, in ascending ticks.</summary>
    public IReadOnlyList<TimedInput> SerialInput { get; init; } = [];

    /// <summary>What is typed, in ascending ticks.</summary>
    public IReadOnlyList<TimedInput> KeyboardInput { get; init; } = [];

    /// <summary>Open up to four disks; null leaves a place empty. Every run opens them anew and so starts from the same contents.</summary>
    public IReadOnlyList<Func<DiskImage>?> Disks { get; init; } = [];

    /// <summary>The machine drives another's disk (<see cref="BlockServiceInterface"/>).</summary>
    public bool RingService { get; init; }

    /// <summary>Opens the disk behind the ring of requests (<see cref="BlockRingInterface"/>); null: there is no such device.</summary>
    public Func<DiskImage>? RingDisk { get; init; }

    /// <summary>Ports whose written bytes are kept.</summary>
    public IReadOnlyList<ushort> DebugPorts { get; init; } = [];

    /// <inheritdoc cref="PlatformOptions.TaskPriority"/>
    public bool TaskPriority { get; init; }

    /// <inheritdoc cref="PlatformOptions.Balloon"/>
    public bool Balloon { get; init; }

    /// <inheritdoc cref="PlatformOptions.BalloonTargets"/>
    public IReadOnlyList<BalloonTarget> BalloonTargets { get; init; } = [];

    /// <summary>See <see cref="PlatformOptions.BiosImage"/>.</summary>
    public ReadOnlyMemory<byte>? BiosImage { get; init; }

    /// <summary>Further files for the firmware.</summary>
    public IReadOnlyList<FirmwareFile> FirmwareFiles { get; init; } = [];

    /// <summary>Disturbances from outside, the same under every engine.</summary>
    public IReadOnlyList<Injection> Injections { get; init; } = [];

    /// <summary>The time of the real-time clock at tick 0.</summary>
    public DateTime StartTime { get; init; } = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    internal PlatformOptions ToPlatform(ProcessorModel model, GuestImage guest) => new()
    {
        RamBytes = Math.Max(1 << 20, ((ulong)guest.MemoryBytes + 0xFFFF) & ~0xFFFFul),
        TicksPerSecond = (ulong)model.TicksPerSecond,
        BiosImage = BiosImage,
        Disks = [.. Disks.Select(open => open?.Invoke())],
        RingDisk = RingDisk?.Invoke(),
        RingService = RingService,
        SerialInput = SerialInput,
        KeyboardInput = KeyboardInput,
        DebugPorts = DebugPorts,
        ExitPort = ExitPort,
        TaskPriority = TaskPriority,
        Balloon = Balloon,
        BalloonTargets = BalloonTargets,
        FirmwareFiles = FirmwareFiles,
        Injections = Injections,
        StartTime = StartTime,
    };
}
