using Harness.Machine.Devices;

namespace Harness.Scenarios;

/// <summary>Programs, processes and the kernel's own system calls.</summary>
public sealed partial class GuestKernel
{
    /// <summary>System calls from here up are the kernel's own.</summary>
    public const uint FirstService = 0x1000;

    // A process control block: ESP in the kernel, CR3, top of the kernel stack, state, physical address of the program with its number, the parent's control block
    // or 0, and, where memory is managed, the map of the process's pages and the page-table entry of the first.
    private const int SavedEsp = 0;
    private const int SavedCr3 = 4;
    private const int StackTop = 8;
    private const int State = 12;
    private const int Memory = 16;
    private const int Parent = 20;
    private const int Map = 24;
    private const int Table = 28;
    private const int ControlBlockBytes = 32;

    // Its states: no process, ready to run, waiting for a child, ended before its parent asked, asleep until a key.
    private const int Free = 0;
    private const int Ready = 1;
    private const int Waiting = 2;
    private const int Ended = 3;
    private const int AwaitsKey = 4;

    // What lies on a kernel stack while its process is outside the kernel: PUSHAD's registers, then EIP, CS, EFLAGS, ESP and SS.
    private const int FrameDoublewords = 8 + 5;
    private const int FrameEax = 7 * 4;
    private const int FrameEip = 8 * 4;
    private const int FrameEsp = 11 * 4;

    private readonly List<(int Ring, bool Starts, Action<GuestAssembler> Body)> _programs = [];
    private readonly SortedSet<Service> _services = [];
    private readonly GuestLabel _schedule;
    private readonly GuestLabel _scheduleNext;
    private readonly GuestLabel _current;
    private readonly GuestLabel _alive;
    private readonly GuestLabel _controlBlocks;
    private bool _inProgram;
    private bool _switches;

    private enum Service : uint
    {
        Exit = FirstService,
        Fork,
        Yield,
        Print,
        ReadKey,
        Wait,
        Exec,
        ReadSector,
        ReadRing,
        WriteRing,
    }

    private bool HasManyProcesses => _programs.Count > 1 || _services.Contains(Service.Fork);

    private int ProcessCount => _services.Contains(Service.Fork) ? MaximumProcesses : _programs.Count;

    /// <summary>A program in ring 3. Several are processes: the first starts, <see cref="Switch"/> and <see cref="Yield"/> go on to the next.</summary>
    /// <returns>Its number, which <see cref="Exec"/> takes.</returns>
    public int User(Action<GuestAssembler> body) => Add(3, starts: true, body);

    /// <summary>A program in ring 3 that no process runs before one calls <see cref="Exec"/>.</summary>
    /// <returns>Its number.</returns>
    public int Program(Action<GuestAssembler> body) => Add(3, starts: false, body);

    /// <summary>A program in an outer ring, 1 to 3. At the end of its body the program ends.</summary>
    public void Ring(int ring, Action<GuestAssembler> body) => Add(ring, starts: true, body);

    private int Add(int ring, bool starts, Action<GuestAssembler> body)
    {
        Given.NotNull(body, Given.Code);
        if (ring is < 1 or > 3)
        {
            throw new GuestBuildException($"Ring expects 1, 2 or 3; found {ring}: ring-0 code goes into Boot.");
        }

        int room = _options.MemoryBytes >= GuestLayout.MoreEnd ? MaximumPrograms : MaximumProcesses;
        if (_programs.Count == room)
        {
            throw new GuestBuildException($"A guest of {_options.MemoryBytes >> 10} KiB has room for {room} programs; found one more.");
        }

        _programs.Add((ring, starts, body));
        return _programs.Count - 1;
    }

    /// <summary>In a handler of <see cref="OnIrq"/> or <see cref="Timer"/>, with the stack as the handler found it: goes on with the next process.</summary>
    public void Switch(GuestAssembler a)
    {
        _switches = true;
        a.jmp(_schedule);
    }

    /// <summary>In a program: lets the next process run. Changes EAX.</summary>
    public void Yield(GuestAssembler a)
    {
        _switches = true;
        Call(a, Service.Yield);
    }

    private void Call(GuestAssembler a, Service service)
    {
        if (!_inProgram)
        {
            throw new GuestBuildException($"{service} is a system call: use it in the body of a program.");
        }

        _services.Add(service);
        a.mov(eax, (uint)service);
        a.@int(SystemCallVector);
    }

    private void EmitPrograms(GuestAssembler a)
    {
        for (int i = 0; i < _programs.Count; i++)
        {
            uint physical = PhysicalBase(i);
            a.Org(LinearBase(i), physical);
            _inProgram = true;
            _programs[i].Body(a);
            if (HasManyProcesses)
            {
                Exit(a);
            }
            else
            {
                a.Done();
            }

            EmitStrings(a);
            _inProgram = false;
        }

        if (_programs.Count > MaximumProcesses && (ManagesMemory || _services.Contains(Service.Fork)))
        {
            throw new GuestBuildException($"Programs that fork, exec or have demand pages are {MaximumProcesses} at most; found {_programs.Count}.");
        }
    }

    private void EmitSystemCalls(GuestAssembler a)
    {
        List<(uint Number, Action<GuestAssembler> Body)> calls = [.. _systemCalls.Select(c => (c.Key, c.Value)), .. _services.Select(s => ((uint)s, BodyOf(s)))];
        if (calls.Count == 0)
        {
            return;
        }

        if (_tables.Handles(SystemCallVector))
        {
            throw new GuestBuildException(
                $"INT {SystemCallVector:X}h has a handler by OnInterrupt, but system calls use it too (SystemCall, Print, ReadKey, Yield, Fork, several programs): "
                + "give the handler another vector.");
        }

        a.Label(_systemCall);
        GuestLabel leave = a.CreateLabel("systemCall.leave");
        _tables.Handle(SystemCallVector, _systemCall, 3);
        if (_usesHypercalls && DirectSystemCalls)
        {
            _tables.DirectVector = SystemCallVector;
            a.cli();
        }

        a.pushad();
        List<GuestLabel> labels = [];
        foreach (var (number, _) in calls)
        {
            GuestLabel label = a.CreateLabel($"systemCall.{number:X}");
            labels.Add(label);
            a.cmp(eax, (int)number);
            a.je(label);
        }

        a.mov(eax, -1);
        for (int i = 0; i < calls.Count; i++)
        {
            a.jmp(leave);
            a.Label(labels[i]);
            calls[i].Body(a);
        }

        a.Label(leave);
        a.mov(__dword_ptr[esp + FrameEax], eax);
        a.popad();
        a.iretd();
    }

    private Action<GuestAssembler> BodyOf(Service service) => service switch
    {
        Service.Exit => EmitExit,
        Service.Fork => EmitFork,
        Service.Yield => EmitYield,
        Service.Print => EmitPrint,
        Service.Wait => EmitWait,
        Service.Exec => EmitExec,
        Service.ReadSector => EmitReadSector,
        Service.ReadRing => a => EmitRingService(a, BlockRingInterface.ReadOperation),
        Service.WriteRing => a => EmitRingService(a, BlockRingInterface.WriteOperation),
        _ => EmitReadKey,
    };

    private void EmitYield(GuestAssembler a)
    {
        a.mov(__dword_ptr[esp + FrameEax], 0);
        a.jmp(_schedule);
    }

    private void EmitPrint(GuestAssembler a)
    {
        a.mov(esi, ebx);
        a.call(_putString);
        a.xor(eax, eax);
    }

    private void EmitFirstEntry(GuestAssembler a)
    {
        // Data segments that every ring may hold, so that no entry into the kernel has to change them.
        a.mov(eax, Selectors.Data3);
        a.mov(ds, eax);
        a.mov(es, eax);
        a.mov(fs, eax);
        a.mov(gs, eax);
        a.mov(ebx, _controlBlocks + _programs.FindIndex(p => p.Starts) * ControlBlockBytes);
        EmitResume(a);
    }

    // Continues the process whose control block EBX names.
    private void EmitResume(GuestAssembler a)
    {
        a.mov(__dword_ptr[_current], ebx);
        a.mov(eax, __dword_ptr[ebx + StackTop]);
        EmitStackSwitch(a);
        if (Paging != GuestPaging.None)
        {
            a.mov(eax, __dword_ptr[ebx + SavedCr3]);
            a.mov(cr3, eax);
        }

        a.mov(esp, __dword_ptr[ebx + SavedEsp]);
        a.popad();
        a.iretd();
    }

    private void EmitScheduler(GuestAssembler a)
    {
        if (!_switches && !HasManyProcesses)
        {
            return;
        }

        if (_programs.Count == 0)
        {
            throw new GuestBuildException("Switch expects programs to switch between: add them by User.");
        }

        GuestLabel check = a.CreateLabel("schedule.check");
        a.Label(_schedule);
        a.mov(ebx, __dword_ptr[_current]);
        a.mov(__dword_ptr[ebx + SavedEsp], esp);
        a.Label(_scheduleNext);
        if (Sleeps)
        {
            a.mov(ecx, ProcessCount);
        }

        GuestLabel next = a.Here("schedule.next");
        a.add(ebx, ControlBlockBytes);
        a.cmp(ebx, _controlBlocks + ProcessCount * ControlBlockBytes);
        a.jb(check);
        a.mov(ebx, _controlBlocks);
        a.Label(check);
        a.cmp(__dword_ptr[ebx + State], Ready);
        if (Sleeps)
        {
            GuestLabel ready = a.CreateLabel("schedule.ready");
            a.je(ready);
            a.dec(ecx);
            a.jne(next);
            EmitIdle(a);
            a.jmp(_scheduleNext);
            a.Label(ready);
        }
        else
        {
            a.jne(next);
        }

        EmitResume(a);
    }

    private void EmitControlBlocks(GuestAssembler a)
    {
        if (_programs.Count == 0)
        {
            return;
        }

        a.Align(4);
        a.Label(_current);
        a.Dd(0);
        a.Label(_alive);
        a.Dd((uint)_programs.Count(p => p.Starts));
        a.Label(_controlBlocks);
        for (int i = 0; i < ProcessCount; i++)
        {
            uint top = KernelStackTop(i);
            a.Dd(top - FrameDoublewords * 4, DirectoryOf(i), top, StartsWith(i, 0) ? (uint)Ready : Free, PhysicalBase(i), 0);
            if (ManagesMemory)
            {
                a.Dd(_maps + i * MemoryPages * 4);
                a.Dd(TablesOf(i).EntryAddress(GuestLayout.ProcessBase));
            }
            else
            {
                a.Space(ControlBlockBytes - Map);
            }
        }

        if (Sleeps)
        {
            // The block of no process lies behind those of processes, so that the first of them is the next.
            a.Label(_idle);
            a.Space(ControlBlockBytes);
            a.Label(_keys);
            a.Space(Keys + KeyCount);
        }

        for (int i = 0; i < ProcessCount; i++)
        {
            if (Paging != GuestPaging.None)
            {
                TablesOf(i).Emit(a);
            }

            if (StartsWith(i, 0))
            {
                int ring = _programs[i].Ring;
                a.Org(KernelStackTop(i) - 5 * 4);
                a.Dd(LinearBase(i), Selectors.Code(ring), (uint)UserFlags, LinearBase(i) + GuestLayout.ProcessBytes, Selectors.Data(ring));
            }
        }
    }

    private PageTables TablesOf(int process)
    {
        if (_options.MemoryBytes > GuestLayout.ProcessBase)
        {
            throw new GuestBuildException(
                $"A kernel with paging expects at most {GuestLayout.ProcessBase:X}h bytes of memory; found {_options.MemoryBytes:X}h: lower MemoryBytes.");
        }

        var tables = new PageTables(Paging, DirectoryOf(process));
        if (_usesHypercalls)
        {
            MapParavirtual(tables);
        }
        else
        {
            tables.Map(0, 0, (uint)_options.MemoryBytes, PageRights.Write);
        }

        if (!ManagesMemory)
        {
            tables.Map(GuestLayout.ProcessBase, PhysicalBase(process), GuestLayout.ProcessBytes, PageRights.Write | PageRights.User);
        }
        else
        {
            // Of a place without a process there is the table, empty.
            _ = tables.EntryAddress(GuestLayout.ProcessBase);
            if (StartsWith(process, 0))
            {
                tables.Map(GuestLayout.ProcessBase, PhysicalBase(process), GuestLayout.ProcessBytes, ImageRights);
            }
        }

        return tables;
    }

    private static uint KernelStackTop(int process) => GuestLayout.ProcessStacks + (uint)(process + 1) * GuestLayout.ProcessStackBytes;

    private static uint PhysicalBase(int process) => process < MaximumProcesses
        ? GuestLayout.Processes + (uint)process * GuestLayout.ProcessBytes
        : GuestLayout.MoreProcesses + (uint)(process - MaximumProcesses) * GuestLayout.ProcessBytes;

    private static uint DirectoryOf(int process) => process < MaximumProcesses
        ? GuestLayout.ProcessTables + (uint)process * GuestLayout.ProcessTableBytes
        : GuestLayout.MoreTables + (uint)(process - MaximumProcesses) * GuestLayout.ProcessTableBytes;

    private uint LinearBase(int process) => Paging == GuestPaging.None ? PhysicalBase(process) : GuestLayout.ProcessBase;
}
