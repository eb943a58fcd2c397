namespace Harness.Vmm;

/// <summary>The comparison at <see cref="EquivalenceLevel.Programs"/>.</summary>
public static partial class Equivalence
{
    private static EquivalenceVerdict ComparePrograms(EngineRun bare, EngineRun other)
    {
        ProgramEffects a = bare.Programs ?? throw NotRecorded(nameof(bare));
        ProgramEffects b = other.Programs ?? throw NotRecorded(nameof(other));
        Divergence? first = null;
        Divergence? flow = null;
        foreach (uint program in a.Programs.Union(b.Programs).Order())
        {
            first ??= EffectLog.FirstDifference(a.Of(program), b.Of(program)) is { } window ? NameIn(program, window, Differ) : null;
            flow ??= EffectLog.FirstOtherFlow(a.Of(program), b.Of(program)) is { } window2 ? NameIn(program, window2, OtherInstruction) : null;
        }

        Divergence? end = AtTheEnd(bare, other, ProgramsAtTheEnd);
        first ??= end;
        return new EquivalenceVerdict(first is null, first, flow, first is not null && end is null);

        Divergence? NameIn(uint program, StepWindow window, Func<GuestStep, GuestStep, (string Value, long Bare, long Found)?> differ) =>
            Name(bare, other, Steps(bare, window, program), Steps(other, window, program), differ);
    }

    /// <summary>What devices were sent, how the run ended, and the pages that programs wrote.</summary>
    private static (string Value, long Bare, long Found)? ProgramsAtTheEnd(EngineRun bare, EngineRun other)
    {
        if (EndOf(bare, other) is { } end)
        {
            return end;
        }

        foreach (ushort port in bare.Request.Devices.DebugPorts)
        {
            ReadOnlySpan<byte> expected = bare.DebugOutput(port).Span;
            ReadOnlySpan<byte> found = other.DebugOutput(port).Span;
            int same = expected.CommonPrefixLength(found);
            if (same != expected.Length || same != found.Length)
            {
                return ($"port {port:X4}", same < expected.Length ? expected[same] : -1, same < found.Length ? found[same] : -1);
            }
        }

        var mine = new byte[Ram.PageSize];
        var theirs = new byte[Ram.PageSize];
        foreach (long page in bare.Programs!.Pages.Union(other.Programs!.Pages).Order())
        {
            var address = new GuestPhysicalAddress((ulong)page);
            bare.Memory.Read(address, mine);
            other.Memory.Read(address, theirs);
            int same = mine.AsSpan().CommonPrefixLength(theirs);
            if (same != mine.Length)
            {
                return ($"[{address + (ulong)same}]", mine[same], theirs[same]);
            }
        }

        return ConsoleOf(bare, other);
    }
}
