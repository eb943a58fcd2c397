using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The chipset of a PC: i440FX, PIIX3 and PIIX4 with the devices on them, driven by guest ticks. The owner sets <see cref="Now"/> before each
/// access, calls <see cref="AdvanceTo"/> when <see cref="NextDeadline"/> has come, and acts on the outputs: interrupt, reset, shutdown, exit code.
/// </summary>
public sealed class Platform : IStateful
{
    private readonly Device[] _devices;
    private readonly DebugPort[] _debugPorts;
    private readonly Pic8259 _pic;
    private readonly RealTimeClock _rtc;
    private readonly Uart16550 _serial;
    private readonly KeyboardController _keyboard;
    private readonly Vga _vga;
    private readonly BlockRing? _ring;
    private readonly BlockService? _service;
    private readonly Balloon? _balloon;
    private readonly Injector _injector;
    private long _now;
    private long _portAccesses;
    private bool _a20 = true;
    private bool _nmi;
    private bool _resetRequested;
    private bool _shutdownRequested;
    private bool _hasExitCode;
    private int _exitCode;

    /// <summary>Builds the chipset, maps memory and resets every device.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Platform(PlatformOptions options, IMemoryMap memory)
    {
        Validate(options);
        Options = options;
        Memory = memory;
        DeviceMemory = memory as IDeviceMemory ?? NoMemory.Instance;
        _debugPorts = [.. options.DebugPorts.Distinct().Order().Select(port => new DebugPort(this, port))];
        if (options.ExitPort is { } exitPort)
        {
            _ = new ExitPort(this, exitPort);
        }

        // The one list of devices. Its order is that of equal deadlines, of reset and of saved state.
        _pic = new Pic8259(this);
        var pit = new Pit8254(this);
        var pci = new PciBus(this);
        _devices =
        [
            _pic,
            pit,
            _rtc = new RealTimeClock(this),
            _keyboard = new KeyboardController(this),
            _serial = new Uart16550(this),
            new AtaChannel(this, 0),
            new AtaChannel(this, 1),
            new SystemPorts(this, pit),
            new FirmwareConfiguration(this),
            _vga = new Vga(this),
            pci,
            new HostBridge440Fx(this, pci),
            new IsaBridgePiix3(pci),
            new IdeFunction(pci),
            new PowerManagement(this, pci),
            .. _debugPorts,
            .. options.RingDisk is { } disk ? new Device[] { _ring = new BlockRing(this, disk) } : [],
            .. options.RingService ? new Device[] { _service = new BlockService(this) } : [],
            .. options.TaskPriority ? new Device[] { new TaskPriority(this) } : [],
            .. options.Balloon ? new Device[] { _balloon = new Balloon(this) } : [],
            _injector = new Injector(this),
        ];
        Reset();
    }

    /// <summary>Raised when <see cref="A20"/> changes, with its new value.</summary>
    public event Action<bool>? A20Changed;

    /// <summary>Raised when an injection flips a bit of RAM: the byte's guest-physical address, and the bit.</summary>
    public event Action<PhysicalAddress, int>? BitFlipped;

    /// <summary>Raised when an injection takes a page out of the guest's page tables.</summary>
    public event Action<LinearAddress>? PagedOut;

    /// <summary>
    /// Who owns the memory decides what giving a page to the balloon device means, and taking it back: told of the number and of whether it is given. False: it is no
    /// page of RAM.
    /// </summary>
    public Func<uint, bool, bool> PageMoved { get; set; } = (_, _) => false;

    /// <summary>Pages that the guest has given to its balloon device, in ascending order.</summary>
    public IReadOnlyCollection<uint> BalloonPages => _balloon?.Given ?? [];

    /// <summary>What the platform was built with.</summary>
    public PlatformOptions Options { get; }

    /// <summary>
    /// The guest tick that devices see. The owner sets it before each access, which does what <see cref="AdvanceTo"/> does; it does not run backwards.
    /// </summary>
    public long Now
    {
        get => _now;
        set => AdvanceTo(value);
    }

    /// <summary>The tick at which <see cref="AdvanceTo"/> has something to do; <see cref="long.MaxValue"/> when nothing is due. Any access may change it.</summary>
    public long NextDeadline { get; private set; } = long.MaxValue;

    /// <summary>The same without the block device with a ring: where that is the guest's own, nobody has to act for it.</summary>
    public long NextDeadlineOfOthers { get; private set; } = long.MaxValue;

    /// <summary>The deadline of the block device with a ring.</summary>
    public long RingDeadline => _ring?.Deadline ?? long.MaxValue;

    /// <summary>The block device with a ring has told of responses: by its line, unless that was made silent.</summary>
    public bool RingHasTold => _ring is { HasTold: true };

    /// <summary>There is a block device with a ring.</summary>
    public bool HasRing => _ring is not null;

    /// <summary>Gives the block device with a ring another backend than its disk.</summary>
    public void SetRingBackend(IBlockBackend backend) => (_ring ?? throw NoDevice()).Backend = backend;

    /// <summary>Puts requests of another machine before the one that drives its disk. False: it does not take any.</summary>
    public bool TryPutRequests(ReadOnlySpan<BlockRequest> requests) => (_service ?? throw NoDevice()).TryPut(requests);

    /// <summary>Takes the responses to the requests that were put last.</summary>
    public void TakeResponses(ReadOnlySpan<BlockRequest> requests, Span<BlockRingStatus> results) => (_service ?? throw NoDevice()).Take(requests, results);

    /// <summary>Tells the machine that drives another's disk that something happened in the host.</summary>
    public void TellService() => (_service ?? throw NoDevice()).Tell();

    /// <summary>What devices that reach memory by themselves reach; at first the memory that the platform was built with, if that takes devices.</summary>
    public IDeviceMemory DeviceMemory { get; set; }

    /// <summary>The A20 gate: when false, bit 20 of every physical address is zero.</summary>
    public bool A20
    {
        get => _a20;
        internal set
        {
            if (_a20 != value)
            {
                _a20 = value;
                A20Changed?.Invoke(value);
            }
        }
    }

    /// <summary>The INTR input of the processor.</summary>
    public bool InterruptPending => _pic.InterruptPending;

    /// <summary>The NMI input of the processor, after the mask in port 70h; until <see cref="AcknowledgeNmi"/>.</summary>
    public bool NmiPending => _nmi && !_rtc.NmiMasked;

    /// <summary>A scenario's NMI is still to come.</summary>
    public bool NmiComes => _injector.NmiComes;

    /// <summary>True once the guest has asked for a hardware reset, until <see cref="Reset"/>.</summary>
    public bool ResetRequested => _resetRequested;

    /// <summary>True once the guest has turned the power off, until <see cref="Reset"/>.</summary>
    public bool ShutdownRequested => _shutdownRequested;

    /// <summary>The exit code that the guest wrote to the exit port (2v + 1), or null.</summary>
    public int? ExitCode => _hasExitCode ? _exitCode : null;

    /// <summary>What the guest sent on COM1.</summary>
    public OutputSink SerialOutput => _serial.Output;

    /// <summary>Accesses to ports so far, by whomever: each part of a string instruction is one.</summary>
    public long PortAccesses => _portAccesses;

    internal PortBus Ports { get; } = new();

    internal IMemoryMap Memory { get; }

    /// <summary>What the guest wrote to a debug port.</summary>
    /// <exception cref="ArgumentException">The port is not among <see cref="PlatformOptions.DebugPorts"/>.</exception>
    public OutputSink DebugOutput(ushort port) =>
        Array.Find(_debugPorts, candidate => candidate.Port == port)?.Output
        ?? throw new ArgumentException($"Port {port:X}h is not one of the debug ports in the options.", nameof(port));

    /// <summary>The text on the screen: lines joined by LF, without trailing blanks.</summary>
    public string ScreenText() => _vga.ReadText();

    /// <summary>Reads 1, 2 or 4 bytes from a port at <see cref="Now"/>.</summary>
    public uint In(ushort port, int size)
    {
        _portAccesses++;
        var value = Ports.In(port, size);
        FindDeadline();
        return value;
    }

    /// <summary>Writes 1, 2 or 4 bytes to a port at <see cref="Now"/>.</summary>
    public void Out(ushort port, int size, uint value)
    {
        _portAccesses++;
        Ports.Out(port, size, value);
        FindDeadline();
    }

    /// <summary>Moves time to a tick and does everything due until then, in order of time and of the device list.</summary>
    public void AdvanceTo(long tick)
    {
        while (NextDeadline <= tick)
        {
            // A device may ask for service at a tick that has passed: it sees the present.
            _now = Math.Max(_now, NextDeadline);
            FirstDue().Expire();
            FindDeadline();
        }

        _now = Math.Max(_now, tick);
    }

    /// <summary>The interrupt-acknowledge cycle: the vector.</summary>
    public byte AcknowledgeInterrupt() => _pic.Acknowledge();

    /// <summary>Latches a non-maskable interrupt.</summary>
    public void RaiseNmi() => _nmi = true;

    /// <summary>Takes the non-maskable interrupt.</summary>
    public void AcknowledgeNmi() => _nmi = false;

    /// <summary>Types scan codes of set 2 (see <see cref="KeyboardText"/>) from now on.</summary>
    public void Type(ReadOnlyMemory<byte> scanCodes)
    {
        _keyboard.Type(scanCodes);
        FindDeadline();
    }

    /// <summary>Has the balloon device ask for so many pages from now on.</summary>
    public void SetBalloonTarget(int pages)
    {
        _balloon?.SetTarget((uint)pages);
        FindDeadline();
    }

    /// <summary>Sends bytes to COM1 from now on.</summary>
    public void SendSerial(ReadOnlyMemory<byte> data)
    {
        _serial.Receive(data);
        FindDeadline();
    }

    /// <summary>A hardware reset of every device: time, CMOS RAM, disks and captured output stay.</summary>
    public void Reset()
    {
        _nmi = _resetRequested = _shutdownRequested = _hasExitCode = false;
        A20 = true;
        foreach (var device in _devices)
        {
            device.Deadline = long.MaxValue;
            device.Reset();
        }

        FindDeadline();
    }

    /// <summary>Presents the state of the platform and of every device. After a visit the derived state is renewed.</summary>
    public void Visit(IStateVisitor visitor)
    {
        var a20 = _a20;
        visitor.Enter("platform");
        visitor.Value("now", ref _now);
        visitor.Value("portAccesses", ref _portAccesses);
        visitor.Value("a20", ref a20);
        visitor.Value("nmi", ref _nmi);
        visitor.Value("resetRequested", ref _resetRequested);
        visitor.Value("shutdownRequested", ref _shutdownRequested);
        visitor.Value("hasExitCode", ref _hasExitCode);
        visitor.Value("exitCode", ref _exitCode);
        visitor.Leave();
        foreach (var device in _devices)
        {
            visitor.Enter(device.Name);
            visitor.Value("deadline", ref device.Deadline);
            device.Visit(visitor);
            visitor.Leave();
            device.AfterVisit();
        }

        A20 = a20;
        FindDeadline();
    }

    internal void SetIrq(int line, bool level) => _pic.SetLine(line, level);

    internal void FlipBit(PhysicalAddress address, int bit) => BitFlipped?.Invoke(address, bit);

    internal void PageOut(LinearAddress address) => PagedOut?.Invoke(address);

    internal void RequestReset() => _resetRequested = true;

    internal void RequestShutdown() => _shutdownRequested = true;

    internal void RequestExit(int code)
    {
        _hasExitCode = true;
        _exitCode = code;
    }

    private static InvalidOperationException NoDevice() => new("The platform was built without the device.");

    private static void Validate(PlatformOptions options)
    {
        Require(options.RamBytes is >= 1 << 20 and <= 1ul << 40 && options.RamBytes % 0x10000 == 0,
            $"RAM of {options.RamBytes} bytes: expected a multiple of 64 KiB from 1 MiB to 1 TiB.");
        Require(options.TicksPerSecond is >= PlatformOptions.LeastTicksPerSecond and <= PlatformOptions.MostTicksPerSecond,
            $"{options.TicksPerSecond} ticks per second: expected 1,000,000 to 1,000,000,000,000.");
        Require(options.Disks.Count <= 4, $"{options.Disks.Count} disks: expected at most four.");
        if (options.BiosImage is { } bios)
        {
            Require(bios.Length is > 0 and <= 16 << 20 && bios.Length % 0x10000 == 0,
                $"BIOS image of {bios.Length} bytes: expected a multiple of 64 KiB up to 16 MiB.");
        }
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message, "options");
        }
    }

    private Device FirstDue()
    {
        var index = 0;
        while (_devices[index].Deadline != NextDeadline)
        {
            index++;
        }

        return _devices[index];
    }

    private void FindDeadline()
    {
        var others = long.MaxValue;
        foreach (var device in _devices)
        {
            others = device == _ring ? others : Math.Min(others, device.Deadline);
        }

        NextDeadlineOfOthers = others;
        NextDeadline = Math.Min(others, RingDeadline);
    }

    /// <summary>A map that takes no devices.</summary>
    private sealed class NoMemory : IDeviceMemory
    {
        public static NoMemory Instance { get; } = new();

        public bool TryRead(PhysicalAddress address, Span<byte> data) => false;

        public bool TryWrite(PhysicalAddress address, ReadOnlySpan<byte> data) => false;
    }
}
