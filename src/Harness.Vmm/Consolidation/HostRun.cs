namespace Harness.Vmm;

/// <summary>What became of the machines of one host. It holds no machine any more.</summary>
public sealed class HostRun
{
    internal HostRun(HostOptions options, IReadOnlyList<HostedRun> machines, IReadOnlyList<StateChange> states, int frames, long ticks)
    {
        Options = options;
        Machines = machines;
        States = states;
        Frames = frames;
        Ticks = ticks;
    }

    public HostOptions Options { get; }

    /// <summary>In the order in which they were declared.</summary>
    public IReadOnlyList<HostedRun> Machines { get; }

    /// <summary>The reclamation states in the order in which they were entered; the first is high, at time 0.</summary>
    public IReadOnlyList<StateChange> States { get; }

    /// <summary>Frames that guests could have together.</summary>
    public int Frames { get; }

    /// <summary>Ticks of all machines together.</summary>
    public long Ticks { get; }

    /// <summary>Times that another machine than the one before got the processor.</summary>
    public long WorldSwitches => Machines.Sum(m => m.Use.WorldSwitches);
}

/// <summary>A reclamation state was entered, at a time of the host: the ticks of all machines until then.</summary>
public readonly record struct StateChange(ReclamationState State, long Time);

/// <summary>One machine of a host: its guest's run, and what it used.</summary>
/// <param name="Machine">As it was declared.</param>
/// <param name="Run">As of a guest that has the host for itself.</param>
/// <param name="Use">Of the host.</param>
/// <param name="BalloonTargets">What its balloon was asked for, by its own clock.</param>
public sealed record HostedRun(HostedMachine Machine, EngineRun Run, HostUse Use, IReadOnlyList<BalloonTarget> BalloonTargets)
{
    /// <summary>
    /// The request of the run to compare with: the bare machine, asked for pages by its balloon device at the same ticks. Nothing else that the host did
    /// shows to the guest.
    /// </summary>
    /// <param name="bare">The engine of the bare machine.</param>
    public RunRequest Reference(IEngine bare) => Machine.Request with { Engine = bare, Devices = Machine.Request.Devices with { BalloonTargets = BalloonTargets } };
}

/// <summary>What a machine used of its host. Counts are in pages of 4 KiB unless they say otherwise.</summary>
public sealed record HostUse
{
    /// <summary>Of the guest clock, as far as the machine ran.</summary>
    public long Ticks { get; init; }

    /// <summary>Of the host, in ticks of all machines, when it had come to its end.</summary>
    public long EndTime { get; init; }

    /// <summary>Times that it got the processor after another machine.</summary>
    public long WorldSwitches { get; init; }

    /// <summary>Time slices.</summary>
    public long Slices { get; init; }

    /// <summary>In frames at the end, shared ones included.</summary>
    public int Present { get; init; }

    /// <summary>In frames that other pages are in too, at the end.</summary>
    public int Shared { get; init; }

    /// <summary>Most that were so at the end of a period.</summary>
    public int MostShared { get; init; }

    /// <summary>Given to the balloon, at the end.</summary>
    public int Ballooned { get; init; }

    /// <summary>Most that were so at the end of a period.</summary>
    public int MostBallooned { get; init; }

    /// <summary>In swap space at the end.</summary>
    public int Swapped { get; init; }

    /// <summary>Written to swap space.</summary>
    public long SwappedOut { get; init; }

    /// <summary>Read from it.</summary>
    public long SwappedIn { get; init; }

    /// <summary>Times that a page was put into a frame with the same bytes.</summary>
    public long Merged { get; init; }

    /// <summary>Times that a write gave a page a frame of its own again.</summary>
    public long Broken { get; init; }

    /// <summary>Pages that were touched for the first time.</summary>
    public long FirstTouches { get; init; }

    /// <summary>Frames that it might have, at the end.</summary>
    public int Target { get; init; }

    /// <summary>The part of its memory that was in use by the samples, at the end; from 0 to 1.</summary>
    public double Active { get; init; }

    /// <summary>Shadow page tables at the end.</summary>
    public ShadowUse Shadows { get; init; }

    /// <summary>Times that it was ready and had to wait because memory was low.</summary>
    public long Blocked { get; init; }
}
