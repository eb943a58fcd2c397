namespace Harness.Vmm;

/// <summary>Runs guests under engines.</summary>
public static class GuestRunner
{
    /// <summary>Between two looks at the cancellation token. It is not visible in any result.</summary>
    private const long Slice = 1 << 22;

    /// <summary>A guest that halts this long, in seconds of its own clock, with devices ticking and no interrupt reaching it, has halted forever.</summary>
    private const long IdleSeconds = 60;

    /// <summary>Why the request cannot be run, or null if it can.</summary>
    public static string? NotApplicable(RunRequest request)
    {
        foreach (Feature feature in ProcessorModel.Withholdable)
        {
            if (!request.Withheld.Contains(feature) && request.Model.Has(feature) && !request.Engine.Exposes(feature))
            {
                return $"{request.Engine.Name} does not expose {feature} to its guest";
            }
        }

        return request.Engine.NotApplicable(request.Model, request.Guest) ?? (DriverOf(request) is { } driver && driver.Engine.NotApplicable(request.Model, driver.Guest) is { } reason
            ? $"the driver's machine: {reason}"
            : null);
    }

    /// <summary>Runs the guest to its end. What the guest does is in the result; it makes nothing throw.</summary>
    /// <exception cref="InvalidOperationException">The request is not applicable, or the engine has a defect.</exception>
    public static EngineRun Run(RunRequest request) => Run(request, null, null);

    internal static EngineRun Run(RunRequest request, StepFilter? filter, Action<EngineEvent>? recorded)
    {
        if (NotApplicable(request) is { } reason)
        {
            throw new InvalidOperationException($"{request.Guest.Name} cannot run under {request.Engine.Name} on {request.Model.Name}: {reason}.");
        }

        using var session = new GuestSession(request, filter, recorded);
        return session.Finish(Run(request, session));
    }

    /// <summary>The bare machine has its disk itself.</summary>
    internal static DriverRequest? DriverOf(RunRequest request) => request.Engine.Kind == MonitorKind.Bare ? null : request.Driver;

    private static GuestEnd Run(RunRequest request, GuestSession session)
    {
        GuestMachine machine = session.Machine;
        GuestClock clock = machine.Clock;
        long idle = 0;
        while (true)
        {
            long left = request.MaxInstructions - (clock.Ticks - clock.Halted);
            if (left <= 0)
            {
                return GuestEnd.Limit;
            }

            if (request.Cancellation.IsCancellationRequested)
            {
                return GuestEnd.Stopped;
            }

            // A halted guest spends nothing of its budget until its next deadline.
            long from = machine.Emulator.IsHalted && machine.Platform.NextDeadline != long.MaxValue
                ? Math.Max(clock.Ticks, machine.Platform.NextDeadline)
                : clock.Ticks;
            (long ticks, long halted) = (clock.Ticks, clock.Halted);
            machine.Host.Limit = from + Math.Min(left, Slice);
            GuestEnd end = session.Monitor.Run(machine.Host.Limit);
            if (session.IsStopped)
            {
                return GuestEnd.Stopped;
            }

            if (end != GuestEnd.Limit)
            {
                return end;
            }

            long passed = clock.Ticks - ticks;
            if (passed == 0)
            {
                throw new InvalidOperationException($"{request.Engine.Name} reported its limit without having moved the guest's clock from tick {ticks}.");
            }

            idle = clock.Halted - halted == passed ? idle + passed : 0;
            if (idle > IdleSeconds * request.Model.TicksPerSecond)
            {
                return GuestEnd.HaltedForever;
            }
        }
    }
}
