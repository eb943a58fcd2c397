namespace Harness.Vmm;

/// <summary>
/// Several machines on one host: they share its processor by time slices of their own clocks, and its memory. Each keeps its clock, its monitor and its devices; what
/// it computes does not depend on the others, and a guest without a balloon driver cannot tell that they are there.
/// </summary>
public sealed class ConsolidatedHost : IDisposable
{
    private const int WindowQuanta = 100;
    private readonly HostOptions _options;
    private readonly IReadOnlyList<HostedMachine> _machines;
    private readonly HostMemory _memory;
    private readonly MemoryPolicy _policy;
    private readonly StrideScheduler _scheduler;
    private readonly Guest[] _guests;
    private Guest? _last;
    private Guest? _running;
    private long _time;
    private long _limit;
    private long _nextPeriod;

    /// <summary>One machine at work.</summary>
    private sealed class Guest(HostedMachine machine, MachineMemory memory, GuestSession session)
    {
        public HostedMachine Machine => machine;

        public MachineMemory Memory => memory;

        public GuestSession Session => session;

        public List<BalloonTarget> Targets { get; } = [];

        public HostedRun? Result { get; set; }

        public long Switches { get; set; }

        public long Slices { get; set; }

        public long Blocked { get; set; }

        public int MostShared { get; set; }

        public int MostBallooned { get; set; }

        public long Budget => machine.Request.MaxInstructions - (session.Machine.Clock.Ticks - session.Machine.Clock.Halted);
    }

    /// <exception cref="InvalidOperationException">A machine cannot run so, or <see cref="Admission"/> refuses: see <see cref="NotApplicable"/>.</exception>
    public ConsolidatedHost(HostOptions options, IReadOnlyList<HostedMachine> machines) : this(options, machines, 0, null)
    {
    }

    /// <summary><paramref name="filter"/>: which steps of the machine <paramref name="watched"/> somebody wants to see.</summary>
    private ConsolidatedHost(HostOptions options, IReadOnlyList<HostedMachine> machines, int watched, StepFilter? filter)
    {
        if (options.Mistake is { } mistake)
        {
            throw new ArgumentException($"The host: {mistake}.", nameof(options));
        }

        if (NotApplicable(options, machines) is { } reason)
        {
            throw new InvalidOperationException($"The machines cannot run on one host: {reason}.");
        }

        _options = options;
        _machines = machines;
        _memory = new HostMemory(Admission.Frames(options, machines.Count), [.. machines.Select(PagesOf)], new RandomStream(options.Seed));
        _guests = new Guest[machines.Count];
        try
        {
            for (int i = 0; i < machines.Count; i++)
            {
                _guests[i] = Start(machines[i], i, machines.Count, i == watched ? filter : null);
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        _policy = new MemoryPolicy(options, _memory, machines, new RandomStream(~options.Seed));
        _scheduler = new StrideScheduler(machines, WindowQuanta * options.Quantum);
        _memory.Short += EndSlice;
        _nextPeriod = options.Period;
    }

    /// <summary>Why the machines cannot run so, or null if they can.</summary>
    public static string? NotApplicable(HostOptions options, IReadOnlyList<HostedMachine> machines)
    {
        foreach (HostedMachine machine in machines)
        {
            if ((machine.Request.Engine.NotOnSharedHost ?? GuestRunner.NotApplicable(machine.Request)) is { } reason)
            {
                return reason;
            }
        }

        return Admission.Refuses(options, machines);
    }

    /// <summary>Frames, for tests.</summary>
    internal HostMemory Memory => _memory;

    internal MemoryPolicy Policy => _policy;

    internal GuestMachine MachineAt(int index) => _guests[index].Session.Machine;

    /// <summary>
    /// Runs the machines until all have ended, or for so many ticks of all their clocks together; a machine that has not ended by then ends with
    /// <see cref="GuestEnd.Limit"/>.
    /// </summary>
    public HostRun Run(long ticks)
    {
        _limit = ticks;
        while (_time < ticks && !_machines[0].Request.Cancellation.IsCancellationRequested && Step(ticks - _time))
        {
        }

        foreach (Guest guest in _guests.Where(g => g.Result is null))
        {
            End(guest, GuestEnd.Limit);
        }

        return new HostRun(
            _options, [.. _guests.Select(g => g.Result!)], [.. _policy.States.Select(s => new StateChange(s.State, s.Time))], _memory.Managed, _time);
    }

    /// <summary>One time slice, and what follows it. False: no machine can run any more.</summary>
    internal bool Step(long ticks)
    {
        int next = _scheduler.Next(i => CanRun(i) && !_policy.IsBlocked(i));

        // Swapping alone has to help if nobody may run; where it cannot, somebody has to go on.
        next = next < 0 ? _scheduler.Next(CanRun) : next;
        if (next < 0)
        {
            return false;
        }

        for (int i = 0; i < _guests.Length; i++)
        {
            _guests[i].Blocked += CanRun(i) && _policy.IsBlocked(i) && i != next ? 1 : 0;
        }

        Guest guest = _guests[next];
        SwitchTo(guest);
        long used = RunSlice(guest, Math.Min(ticks, _options.Quantum), out GuestEnd? end);
        _scheduler.Charge(next, used);
        _time += used;
        if (end is { } how)
        {
            End(guest, how);
        }

        _policy.AfterSlice(_time);
        if (_time >= _nextPeriod)
        {
            _nextPeriod += _options.Period;
            _policy.AfterPeriod(_time);
            NoteMost();
        }

        SetBalloons();
        return true;
    }

    public void Dispose()
    {
        foreach (Guest? guest in _guests)
        {
            guest?.Session.Dispose();
        }

        _memory.Dispose();
    }

    private static int PagesOf(HostedMachine machine) =>
        (int)(machine.Request.Devices.ToPlatform(machine.Request.Model, machine.Request.Guest).RamBytes / Ram.PageSize);

    private Guest Start(HostedMachine machine, int index, int count, StepFilter? filter)
    {
        MachineMemory memory = _memory.Machines[index];
        GuestMachine? hosted = null;
        var share = new HostShare(_memory.Ram, index, count, memory)
        {
            Balloon = (page, isGiven) => hosted is not null && MoveBalloonPage(hosted, memory, page, isGiven),
        };
        _memory.Running = memory;
        var session = new GuestSession(machine.Request, filter, share: share);
        _memory.Running = null;
        hosted = session.Machine;
        memory.FrameLost += hosted.GuestMemory.NoteFrame;
        hosted.Host.Limit = long.MaxValue;
        return new Guest(machine, memory, session);
    }

    /// <summary>Only a page of the guest's own RAM may be given: the number comes from the guest.</summary>
    private bool MoveBalloonPage(GuestMachine machine, MachineMemory memory, uint page, bool isGiven)
    {
        bool isOwn = page < memory.Pages && machine.GuestPhysical.IsRam(new PhysicalAddress((ulong)page * Ram.PageSize));
        if (!isOwn && (_options.Omitted & Protection.BalloonPages) == 0)
        {
            return false;
        }

        if (isGiven)
        {
            _memory.Inflate(memory.First + (int)page);
        }
        else
        {
            _memory.Deflate(memory.First + (int)page);
        }

        return true;
    }

    private bool CanRun(int index) => _guests[index].Result is null;

    private void SwitchTo(Guest guest)
    {
        if (guest == _last)
        {
            return;
        }

        _last = guest;
        guest.Switches++;
        GuestMachine machine = guest.Session.Machine;
        machine.Ledger.Record(new EngineEvent
        {
            Kind = EngineEventKind.Switch,
            Cause = "world",
            Cpl = machine.Emulator.Cpl,
            Address = machine.Emulator.NextInstruction,
            Level = 1,
        });
    }

    /// <summary>Lets a machine run for so many ticks; the result is how many it were. <paramref name="ended"/>: how it came to its end; null: it did not.</summary>
    private long RunSlice(Guest guest, long ticks, out GuestEnd? ended)
    {
        GuestMachine machine = guest.Session.Machine;
        GuestClock clock = machine.Clock;
        long from = clock.Ticks;
        long limit = from + Math.Min(ticks, Math.Max(1, guest.Budget));
        machine.Host.SliceEnd = limit;
        clock.Cut = long.MaxValue;
        _running = guest;
        _memory.Running = guest.Memory;
        GuestEnd end = guest.Session.Monitor.Run(limit);
        _memory.Running = null;
        _running = null;
        guest.Slices++;
        long used = clock.Ticks - from;
        ended = guest.Session.IsStopped ? GuestEnd.Stopped : end != GuestEnd.Limit || guest.Budget <= 0 ? end : null;
        if (ended is null && used == 0)
        {
            throw new InvalidOperationException($"{machine.Guest.Name} came to the end of its time slice without having moved its clock from tick {from}.");
        }

        return used;
    }

    /// <summary>The frames are used up in the midst of a slice: it ends as soon as the guest can be left.</summary>
    private void EndSlice()
    {
        if (_running is { } guest)
        {
            GuestMachine machine = guest.Session.Machine;

            // Asked again before it could be left, the guest gets no later end: host and monitor would not agree on it, and nobody would go on.
            machine.Clock.Cut = Math.Min(machine.Clock.Cut, machine.Clock.Now + 1);
            machine.Host.SliceEnd = Math.Min(machine.Host.SliceEnd, machine.Clock.Cut);
            machine.Emulator.Processor.EndRun();
        }
    }

    private void NoteMost()
    {
        foreach (Guest guest in _guests.Where(g => g.Result is null))
        {
            guest.MostShared = Math.Max(guest.MostShared, guest.Memory.Shared);
            guest.MostBallooned = Math.Max(guest.MostBallooned, guest.Memory.Ballooned);
        }
    }

    /// <summary>Tells balloon devices what the policy wants of them, at the tick at which each guest was left.</summary>
    private void SetBalloons()
    {
        for (int i = 0; i < _guests.Length; i++)
        {
            Guest guest = _guests[i];
            if (guest.Result is null && _policy.Machines[i].Balloon is { } pages && pages != (guest.Targets.Count == 0 ? 0 : guest.Targets[^1].Pages))
            {
                guest.Targets.Add(new BalloonTarget(guest.Session.Machine.Clock.Ticks, pages));
                guest.Session.Machine.Platform.SetBalloonTarget(pages);
            }
        }
    }

    /// <summary>The whole host once more, until somebody has seen enough of one machine.</summary>
    private void Repeat(int index, StepFilter filter)
    {
        using var host = new ConsolidatedHost(_options, _machines, index, filter);
        while (host._time < _limit && host._guests[index].Result is null && host.Step(_limit - host._time))
        {
        }
    }

    private void End(Guest guest, GuestEnd end)
    {
        int index = Array.IndexOf(_guests, guest);
        EngineRun run = guest.Session.Finish(end, filter => Repeat(index, filter));
        MachineMemory memory = guest.Memory;
        MemoryPolicy.MachineClaim claim = _policy.Machines[index];
        guest.Result = new HostedRun(
            guest.Machine,
            run,
            new HostUse
            {
                Ticks = run.Ticks,
                EndTime = _time,
                WorldSwitches = guest.Switches,
                Slices = guest.Slices,
                Present = memory.Present,
                Shared = memory.Shared,
                MostShared = guest.MostShared,
                Ballooned = memory.Ballooned,
                MostBallooned = guest.MostBallooned,
                Swapped = memory.Swapped,
                SwappedOut = memory.SwappedOut,
                SwappedIn = memory.SwappedIn,
                Merged = memory.Merged,
                Broken = memory.Broken,
                FirstTouches = memory.FirstTouches,
                Target = claim.Target,
                Active = claim.Activity.Active,
                Shadows = guest.Session.Monitor.Shadows,
                Blocked = guest.Blocked,
            },
            guest.Targets);
        claim.HasEnded = true;
        claim.Samples.Clear();
        _memory.Remove(memory);
    }
}
