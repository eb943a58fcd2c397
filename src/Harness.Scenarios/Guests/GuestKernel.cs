namespace Harness.Scenarios;

/// <summary>
/// A small kernel, made of what a script asks for: interrupt handlers, system calls by INT 80h (number in EAX, result in EAX), a timer, programs in outer
/// rings that IRET enters, round-robin processes with their own page directories, a console on COM1. The guest is built twice, for the processor itself and
/// against hypercalls, and its description and bodies run once for each.
/// </summary>
public sealed partial class GuestKernel
{
    /// <summary>Line n of the interrupt controllers arrives at this vector plus n.</summary>
    public const byte FirstIrqVector = 0x20;

    /// <summary>The vector of system calls.</summary>
    public const byte SystemCallVector = 0x80;

    /// <summary>Programs and forked processes together.</summary>
    public const int MaximumProcesses = 6;

    /// <summary>Programs of a guest with 2 MiB of memory or more, if they neither fork nor exec nor have demand pages.</summary>
    public const int MaximumPrograms = 10;

    private const uint TimerHertz = 1_193_182;
    private readonly GuestOptions _options;
    private readonly GuestProgram _program;
    private readonly SystemTables _tables;
    private readonly bool _usesHypercalls;
    private readonly List<Action<GuestAssembler>> _boot = [];
    private readonly List<(GuestLabel Entry, Action<GuestAssembler> Emit)> _handlers = [];
    private readonly SortedDictionary<uint, Action<GuestAssembler>> _systemCalls = [];
    private readonly List<(GuestLabel Label, string Text)> _strings = [];
    private readonly GuestLabel _putString;
    private readonly GuestLabel _readKey;
    private readonly GuestLabel _readSector;
    private readonly GuestLabel _systemCall;
    private ushort _openLines;
    private ushort _timerDivisor;
    private bool _prints;
    private bool _readsKeys;

    internal GuestKernel(GuestOptions options, bool usesHypercalls)
    {
        _usesHypercalls = usesHypercalls;
        _tables = new SystemTables(usesHypercalls);
        _options = options;
        _program = new GuestProgram(options.Origin ?? GuestLayout.Code);
        _putString = _program.NewLabel("putString", nameof(Print));
        _systemCall = _program.NewLabel("systemCall", nameof(SystemCall));
        _readSector = _program.NewLabel("readSector", nameof(ReadSector));
        _keys = _program.NewLabel("keys", nameof(ReadKey));
        _idle = _program.NewLabel("idle", nameof(GuestKernel));
        _readKey = _program.NewLabel("readKey", nameof(ReadKey));
        _schedule = _program.NewLabel("schedule", nameof(Switch));
        _scheduleNext = _program.NewLabel("scheduleNext", nameof(Exit));
        _current = _program.NewLabel("current", nameof(GuestKernel));
        _alive = _program.NewLabel("alive", nameof(GuestKernel));
        _controlBlocks = _program.NewLabel("controlBlocks", nameof(GuestKernel));
        _maps = _program.NewLabel("maps", nameof(GuestKernel));
        _frames = _program.NewLabel("frames", nameof(GuestKernel));
        _updates = _program.NewLabel("updates", nameof(GuestKernel));
        _pageFault = _program.NewLabel("pageFault", nameof(GuestKernel));
        _ringTransfer = _program.NewLabel("ringTransfer", nameof(ReadRing));
        _ringConsume = _program.NewLabel("ringConsume", nameof(ReadRing));
        _ringState = _program.NewLabel("ringState", nameof(ReadRing));
        _allocate = _program.NewLabel("allocate", nameof(GuestKernel));
        _freePages = _program.NewLabel("freePages", nameof(Balloon));
        _balloonPages = _program.NewLabel("balloonPages", nameof(Balloon));
    }

    /// <summary>
    /// Turned on before <see cref="Boot"/> code: memory is mapped to itself for the kernel, and every program has its own 64 KiB at
    /// <see cref="GuestLayout.ProcessBase"/>.
    /// </summary>
    public GuestPaging Paging { get; set; }

    /// <summary>EFLAGS in which programs start.</summary>
    public Flags UserFlags { get; set; } = Flags.IF | Flags.Fixed;

    /// <summary>Ring-0 code that runs first. Without programs it is all that runs.</summary>
    public void Boot(Action<GuestAssembler> body)
    {
        Given.NotNull(body, Given.Code);
        _boot.Add(body);
    }

    /// <summary>A handler behind an interrupt gate that INT n of every ring may use. It ends by IRETD.</summary>
    public void OnInterrupt(byte vector, Action<GuestAssembler> handler) => Handle(vector, 3, handler);

    /// <summary>A handler of an exception. It removes the error code, if the vector has one, and ends by IRETD.</summary>
    public void OnFault(Vector vector, Action<GuestAssembler> handler) => Handle((byte)vector, 0, handler);

    /// <summary>A handler of an interrupt line, 0 to 15. Saving registers, end of interrupt and IRETD are written around it.</summary>
    public void OnIrq(int line, Action<GuestAssembler> handler)
    {
        Given.NotNull(handler, Given.Code);
        if (line is < 0 or > 15)
        {
            throw new GuestBuildException($"OnIrq expects a line from 0 to 15; found {line}.");
        }

        // Lines of the second controller arrive through line 2 of the first.
        _openLines |= (ushort)(1 << line | (line >= 8 ? 1 << 2 : 0));
        Handle((byte)(FirstIrqVector + line), 0, a =>
        {
            a.pushad();
            a.mov(al, (byte)0x20);
            if (line >= 8)
            {
                a.@out((byte)0xA0, al);
            }

            a.@out((byte)0x20, al);
            handler(a);
            a.popad();
            a.iretd();
        });
    }

    /// <summary>A periodic interrupt of counter 0; see <see cref="OnIrq"/>. <paramref name="hertz"/> is 19 to 100,000.</summary>
    public void Timer(int hertz, Action<GuestAssembler> handler)
    {
        if (hertz is < 19 or > 100_000)
        {
            throw new GuestBuildException($"Timer expects 19 to 100,000 interrupts a second; found {hertz}.");
        }

        _timerDivisor = (ushort)(TimerHertz / hertz);
        OnIrq(0, handler);
    }

    /// <summary>
    /// The system call with a number in EAX. The body finds the caller's registers in place, may change all but ESP, and leaves the result in EAX; the
    /// caller's other registers are restored. Numbers from <see cref="FirstService"/> up are the kernel's own.
    /// </summary>
    public void SystemCall(uint number, Action<GuestAssembler> body)
    {
        Given.NotNull(body, Given.Code);
        if (number >= FirstService)
        {
            throw new GuestBuildException($"SystemCall expects a number below {FirstService:X}h; found {number:X}h.");
        }

        if (!_systemCalls.TryAdd(number, body))
        {
            throw new GuestBuildException($"System call {number} is there already: a number has one body.");
        }
    }

    /// <summary>Sends text on COM1: in ring-0 code directly, which changes flags; in a program by a system call, which changes EAX and EBX.</summary>
    public void Print(GuestAssembler a, string text)
    {
        Given.NotNull(a, "the assembler of the code that prints");
        Given.NotNull(text, "a text");
        GuestLabel label = _program.NewLabel("text", nameof(Print));
        _strings.Add((label, text));
        _prints = true;
        if (_inProgram)
        {
            a.mov(ebx, label);
            Call(a, Service.Print);
            return;
        }

        a.push(eax);
        a.push(esi);
        a.mov(esi, label);
        a.call(_putString);
        a.pop(esi);
        a.pop(eax);
    }

    internal GuestImage Build(GuestImage? paravirtual, string obstacle)
    {
        var a = new GuestAssembler(_program, 32);
        if (Paging != GuestPaging.None && _programs.Count == 0)
        {
            TablesOf(0).Emit(a);
        }

        EmitPrograms(a);
        AddKeyboardHandler();
        AddRingHandler();
        a.Take();
        a.UsesHypercalls = _usesHypercalls;
        a.Direct = DirectSystemCalls && _systemCalls.Count + _services.Count != 0 ? (SystemCallVector, _systemCall) : null;
        uint origin = _options.Origin ?? GuestLayout.Code;
        a.Org(origin);
        EmitStart(a);
        EmitSystemCalls(a);
        foreach (var (entry, emit) in _handlers)
        {
            a.Label(entry);
            emit(a);
        }

        EmitScheduler(a);
        EmitMemoryCode(a);
        EmitRoutines(a);
        EmitStrings(a);
        EmitMemoryData(a);
        EmitPageLists(a);
        EmitControlBlocks(a);
        _tables.Emit(a);
        return Guest.Build(_program, _options, _tables.Entry(_options, origin), paravirtual, obstacle);
    }

    private void Handle(byte vector, int dpl, Action<GuestAssembler> handler)
    {
        Given.NotNull(handler, Given.Code);
        GuestLabel entry = _program.NewLabel(Vectors.Name(vector), nameof(Handle));
        _tables.Handle(vector, entry, dpl);
        _handlers.Add((entry, handler));
    }

    private void EmitStart(GuestAssembler a)
    {
        if (_usesHypercalls)
        {
            EmitRegistration(a);
        }
        else if (Paging != GuestPaging.None)
        {
            a.mov(eax, GuestLayout.ProcessTables);
            a.mov(cr3, eax);
            if (Paging == GuestPaging.Pae)
            {
                a.mov(eax, cr4);
                a.or(eax, Cr4.PAE);
                a.mov(cr4, eax);
            }

            a.mov(eax, cr0);
            a.or(eax, unchecked((int)PagingBits));
            a.mov(cr0, eax);
        }

        if (_openLines != 0)
        {
            a.EmitPicSetup(_openLines);
        }

        if (_timerDivisor != 0)
        {
            a.EmitTimerSetup(_timerDivisor);
        }

        EmitRingSetup(a);
        foreach (Action<GuestAssembler> body in _boot)
        {
            body(a);
        }

        if (_programs.Count == 0)
        {
            a.Done();
            return;
        }

        EmitFirstEntry(a);
    }

    private void EmitRoutines(GuestAssembler a)
    {
        if (_prints)
        {
            GuestLabel putChar = a.EmitPutChar();
            a.Label(_putString);
            a.EmitPutString(putChar);
        }

        if (_readsKeys)
        {
            a.Label(_readKey);
            a.EmitReadKey();
        }

        if (_usesRing)
        {
            EmitRingRoutines(a);
        }

        if (_services.Contains(Service.ReadSector))
        {
            a.Label(_readSector);
            a.EmitReadSector();
        }
    }

    private void EmitStrings(GuestAssembler a)
    {
        foreach (var (label, text) in _strings)
        {
            a.Label(label);
            a.Asciz(text);
        }

        _strings.Clear();
    }
}
