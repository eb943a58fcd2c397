namespace Harness.Vmm;

/// <summary>Popek and Goldberg's equivalence: what the guest sees under an engine, at the level that the engine declares, against what it sees on the bare machine.</summary>
public static partial class Equivalence
{
    /// <summary>Compares two runs of one guest; where they differ, both are run again up to the place to name it.</summary>
    /// <exception cref="ArgumentException">The runs are of different guests, or one was made without <see cref="RunRequest.RecordEffects"/>.</exception>
    public static EquivalenceVerdict Compare(EngineRun bare, EngineRun other)
    {
        if (bare.Guest.Digest != other.Guest.Digest)
        {
            throw new ArgumentException($"The runs are of different guests: {bare.Guest.Name} and {other.Guest.Name}.", nameof(other));
        }

        if (other.Engine.Level == EquivalenceLevel.Programs)
        {
            return ComparePrograms(bare, other);
        }

        EffectLog a = bare.Effects ?? throw NotRecorded(nameof(bare));
        EffectLog b = other.Effects ?? throw NotRecorded(nameof(other));
        Divergence? first = EffectLog.FirstDifference(a, b) is { } window ? Name(bare, other, window, Differ) ?? Unnamed(bare, window) : AtTheEnd(bare, other);
        Divergence? flow = EffectLog.FirstOtherFlow(a, b) is { } other2 ? Name(bare, other, other2, OtherInstruction) : null;
        bool met = first is not null && bare.End == other.End && bare.Final == other.Final && bare.Memory.FirstDifference(other.Memory) is null;
        return new EquivalenceVerdict(first is null, first, flow, met);
    }

    /// <summary>Runs a guest under two engines and compares.</summary>
    public static EquivalenceVerdict Diverge(RunRequest bare, RunRequest other) =>
        Compare(GuestRunner.Run(bare with { RecordEffects = true }), GuestRunner.Run(other with { RecordEffects = true }));

    private static ArgumentException NotRecorded(string name) => new($"The run was made without {nameof(RunRequest.RecordEffects)}.", name);

    private static Divergence? Name(EngineRun bare, EngineRun other, StepWindow window, Func<GuestStep, GuestStep, (string Value, long Bare, long Found)?> differ)
    {
        return Name(bare, other, Steps(bare, window, null), Steps(other, window, null), differ);
    }

    /// <summary>The first difference of two runs whose steps have all been kept; null: there is none among them.</summary>
    internal static Divergence? First(EngineRun bare, EngineRun other, IReadOnlyList<GuestStep> expected, IReadOnlyList<GuestStep> found) =>
        bare.Effects!.Hash == other.Effects!.Hash && expected.Count == found.Count ? null : Name(bare, other, expected, found, Differ);

    private static Divergence? Name(
        EngineRun bare, EngineRun other, IReadOnlyList<GuestStep> expected, IReadOnlyList<GuestStep> found,
        Func<GuestStep, GuestStep, (string Value, long Bare, long Found)?> differ)
    {
        for (int i = 0; i < Math.Min(expected.Count, found.Count); i++)
        {
            if (differ(expected[i], found[i]) is { } difference)
            {
                return Describe(bare, expected[i], difference);
            }
        }

        // One run ended where the other went on; only effects tell, the flow was the same as long as there was one.
        GuestStep? next = expected.ElementAtOrDefault(found.Count) ?? found.ElementAtOrDefault(expected.Count);
        (string, long, long) end = AtTheEndOf(bare, other) ?? ("ticks", bare.Ticks, other.Ticks);
        return next is null ? null : Describe(bare, next, end);
    }

    private static List<GuestStep> Steps(EngineRun run, StepWindow window, uint? program)
    {
        List<GuestStep> steps = [];
        run.Repeat(new StepFilter(window, 0, long.MaxValue, steps.Add, program));
        return steps;
    }

    /// <summary>The runs differ among these steps, and repeated they do not: something that the request does not say has had an effect.</summary>
    private static Divergence Unnamed(EngineRun bare, StepWindow window) => new()
    {
        Tick = 0,
        Address = default,
        At = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"steps {window.First} to {window.Last}"),
        Value = "a run that repeats",
        Bare = bare.Ticks,
        Found = 0,
        Instruction = "",
    };

    private static Divergence Describe(EngineRun bare, GuestStep step, (string Value, long Bare, long Found) difference)
    {
        bool fault = difference.Value.StartsWith('#');
        LinearAddress address = fault && step.Deliveries.Count != 0 ? step.Deliveries[0].Address : step.Address;
        return new Divergence
        {
            Tick = step.Tick,
            Address = address,
            At = bare.Guest.Locate(address),
            Value = difference.Value,
            Bare = difference.Bare,
            Found = difference.Found,
            Instruction = address == step.Address ? step.Instruction : "",
        };
    }

    private static (string Value, long Bare, long Found)? OtherInstruction(GuestStep bare, GuestStep other) =>
        bare.Address == other.Address ? null : ("instruction", bare.Address.Value, other.Address.Value);

    /// <summary>The first value by which two steps differ: a fault that only one had, registers, memory, ports, and the clock.</summary>
    private static (string Value, long Bare, long Found)? Differ(GuestStep bare, GuestStep other)
    {
        if (bare.Hash == other.Hash)
        {
            return null;
        }

        if (FaultOfOne(bare, other) is { } fault)
        {
            return fault;
        }

        foreach (GuestRegister register in GuestRegister.All)
        {
            if (register.Read(bare.Registers) != register.Read(other.Registers))
            {
                return (register.Name, register.Read(bare.Registers), register.Read(other.Registers));
            }
        }

        return Memory(bare, other) ?? Ports(bare, other) ?? OtherInstruction(bare, other) ?? ("ticks", bare.Tick, other.Tick);
    }

    private static (string Value, long Bare, long Found)? FaultOfOne(GuestStep bare, GuestStep other)
    {
        Delivery? expected = bare.Deliveries.Cast<Delivery?>().FirstOrDefault();
        Delivery? found = other.Deliveries.Cast<Delivery?>().FirstOrDefault();
        if (expected is { } e && found is { } f)
        {
            return e.Vector == f.Vector && e.Address == f.Address ? null : (NameOf(e), 1, 0);
        }

        // Hardware that delivers through the guest's own gates tells nobody: what only one side knows of counts if the paths part.
        bool together = bare.Tick == other.Tick && bare.Address == other.Address;
        return together ? null
            : expected is { } lacking ? (NameOf(lacking), 1, 0)
            : found is { } extra ? (NameOf(extra), 0, 1)
            : null;
    }

    private static string NameOf(Delivery delivery) => delivery.IsException ? Vectors.Name(delivery.Vector) : delivery.ToString();

    private static (string Value, long Bare, long Found)? Memory(GuestStep bare, GuestStep other)
    {
        for (int i = 0; i < Math.Max(bare.Memory.Count, other.Memory.Count); i++)
        {
            MemoryEffect? expected = i < bare.Memory.Count ? bare.Memory[i] : null;
            MemoryEffect? found = i < other.Memory.Count ? other.Memory[i] : null;
            if (expected != found)
            {
                GuestPhysicalAddress at = Lower(expected?.Address, found?.Address);
                return ($"[{at}]", expected?.Address == at ? expected.Value.Value : -1, found?.Address == at ? found.Value.Value : -1);
            }
        }

        return null;
    }

    private static GuestPhysicalAddress Lower(GuestPhysicalAddress? a, GuestPhysicalAddress? b) =>
        a is null || (b is { } other && other.Value < a.Value.Value) ? b!.Value : a.Value;

    private static (string Value, long Bare, long Found)? Ports(GuestStep bare, GuestStep other)
    {
        for (int i = 0; i < Math.Max(bare.Ports.Count, other.Ports.Count); i++)
        {
            PortEffect? expected = i < bare.Ports.Count ? bare.Ports[i] : null;
            PortEffect? found = i < other.Ports.Count ? other.Ports[i] : null;
            if (expected != found)
            {
                return ($"port {(expected ?? found)!.Value.Port:X4}", (long?)expected?.Value ?? -1, (long?)found?.Value ?? -1);
            }
        }

        return null;
    }

    /// <summary>All steps were the same: what did not come of an instruction.</summary>
    private static Divergence? AtTheEnd(EngineRun bare, EngineRun other) => AtTheEnd(bare, other, AtTheEndOf);

    private static Divergence? AtTheEnd(EngineRun bare, EngineRun other, Func<EngineRun, EngineRun, (string Value, long Bare, long Found)?> differ) =>
        differ(bare, other) is { } difference
        ? new Divergence
        {
            Tick = bare.Ticks,
            Address = default,
            At = "end",
            Value = difference.Value,
            Bare = difference.Bare,
            Found = difference.Found,
            Instruction = "",
        }
        : null;

    private static (string Value, long Bare, long Found)? AtTheEndOf(EngineRun bare, EngineRun other)
    {
        if (EndOf(bare, other) is { } end)
        {
            return end;
        }

        if (bare.Ticks != other.Ticks)
        {
            return ("ticks", bare.Ticks, other.Ticks);
        }

        foreach (GuestRegister register in GuestRegister.All)
        {
            if (register.Read(bare.Final) != register.Read(other.Final))
            {
                return (register.Name, register.Read(bare.Final), register.Read(other.Final));
            }
        }

        if (bare.Memory.FirstDifference(other.Memory) is { } address)
        {
            return ($"[{address}]", bare.Memory.ReadByte(address), other.Memory.ReadByte(address));
        }

        return ConsoleOf(bare, other);
    }

    private static (string Value, long Bare, long Found)? EndOf(EngineRun bare, EngineRun other) =>
        bare.End != other.End ? ("end", (long)bare.End, (long)other.End)
        : bare.ExitCode != other.ExitCode ? ("exit code", bare.ExitCode ?? -1, other.ExitCode ?? -1)
        : null;

    private static (string Value, long Bare, long Found)? ConsoleOf(EngineRun bare, EngineRun other)
    {
        int same = bare.Console.AsSpan().CommonPrefixLength(other.Console);
        return same == bare.Console.Length && same == other.Console.Length ? null : ("console", CharacterAt(bare.Console, same), CharacterAt(other.Console, same));
    }

    private static long CharacterAt(string text, int index) => index < text.Length ? text[index] : -1;
}
