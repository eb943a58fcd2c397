namespace Harness.Vmm.Classification;

/// <summary>A value that differs between two outcomes, or between the start and the end of one.</summary>
/// <param name="What"><c>eflags.IF</c>, <c>eax</c>, <c>memory 0C7FC</c>, ...</param>
/// <param name="First">In the first run, or before.</param>
/// <param name="Second">In the second run, or after.</param>
public sealed record Difference(string What, string First, string Second)
{
    /// <inheritdoc/>
    public override string ToString() => $"{What}: {First} / {Second}";
}

/// <summary>How a value of R is written.</summary>
internal enum ValueKind
{
    /// <summary>A decimal number.</summary>
    Number,

    /// <summary>32 bits, in hexadecimal.</summary>
    Register,

    /// <summary>64 bits, in hexadecimal without leading zeros.</summary>
    Wide,

    /// <summary>Base and limit.</summary>
    Table,

    /// <summary>Selector, base and limit.</summary>
    Segment,

    /// <summary>A word.</summary>
    Text,
}

/// <summary>A value of R, as text only when it is asked for: a classification compares millions and writes a few hundred.</summary>
internal readonly record struct ResourceValue(ValueKind Kind, ulong Low, ushort Selector = 0, string? Word = null)
{
    public override string ToString() => Kind switch
    {
        ValueKind.Number => $"{Low}",
        ValueKind.Register => $"{Low:X8}",
        ValueKind.Wide => $"{Low:X}",
        ValueKind.Table => $"{Low >> 32:X8}:{(uint)Low:X4}",
        ValueKind.Segment => $"{Selector:X4}:{Low >> 32:X8}:{(uint)Low:X8}",
        _ => Word!,
    };
}

/// <summary>One component of R.</summary>
internal readonly record struct Component(string Name, bool IsSegment, ResourceValue Before, ResourceValue After)
{
    public bool Changed => Before != After;
}

/// <summary>What one instruction did in one situation.</summary>
public sealed class Outcome
{
    /// <summary>EFLAGS that every program may change and see: the rest is the processor's.</summary>
    private const uint ProgramFlags = Eflags.Status | Eflags.DF | Eflags.NT | Eflags.TF | Eflags.AC | Eflags.ID;

    private static readonly string[] RegisterNames = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
    private static readonly (string Name, uint Bit)[] SystemFlags =
    [
        ("eflags.IF", Eflags.IF), ("eflags.IOPL", Eflags.IOPL), ("eflags.VM", Eflags.VM), ("eflags.VIF", Eflags.VIF), ("eflags.VIP", Eflags.VIP),
    ];

    private const uint SystemFlagBits = Eflags.IF | Eflags.IOPL | Eflags.VM | Eflags.VIF | Eflags.VIP;
    private bool? _leftResources;

    internal CpuState Start;
    internal CpuState End;

    /// <summary>Before it takes the values of another run.</summary>
    internal void Clear() => _leftResources = null;

    /// <summary>The fault that was delivered in place of the instruction; null: it retired.</summary>
    public Vector? Trap { get; internal set; }

    /// <summary>Pushed with the fault, if it has one.</summary>
    public uint? ErrorCode { get; internal set; }

    internal uint[] Registers { get; set; } = [];

    internal uint StartFlags { get; set; }

    internal uint EndFlags { get; set; }

    /// <summary>Bytes that changed, by offset in the copy, ascending.</summary>
    internal IReadOnlyList<(uint Address, byte Value)> Memory { get; set; } = [];

    internal PortAccess[] Ports { get; set; } = [];

    /// <summary>Name of an MSR that has another value, or "time-stamp counter"; null: none.</summary>
    internal string? ChangedMsr { get; set; }

    internal bool EnteredGuest { get; set; }

    /// <summary><see cref="IInterceptUnit.Operation"/> before and after; empty on a processor without virtualization hardware.</summary>
    internal (string Before, string After) Operation { get; set; } = ("", "");

    /// <summary>It completed.</summary>
    public bool Retired => Trap is null;

    /// <summary>"retires" or the fault.</summary>
    public string Ending => Trap is { } vector ? ErrorCode is { } code ? $"#{vector}({code:X})" : $"#{vector}" : "retires";

    /// <summary>The first port that the run read or wrote; null: none.</summary>
    internal Difference? PortTouched => Ports.Length == 0
        ? null
        : new Difference($"port {Ports[0].Port:X4}", "untouched", Ports[0].Write ? $"written {Ports[0].Value:X}" : $"read {Ports[0].Value:X}");

    /// <summary>The first component of R that the run changed, among segment registers or among the others; null: none.</summary>
    internal Difference? Control(bool segments)
    {
        if (LeftResources)
        {
            return null;
        }

        foreach (Component component in Components())
        {
            if (component.Changed && component.IsSegment == segments)
            {
                return new Difference(component.Name, $"{component.Before}", $"{component.After}");
            }
        }

        return null;
    }

    /// <summary>
    /// What a program can see that differs: registers, flags, the instruction pointer, memory and ports. With <paramref name="resources"/>, components of R that
    /// either run changed count too. Null: nothing.
    /// </summary>
    internal static Difference? Between(Outcome a, Outcome b, bool resources)
    {
        if (!a.Retired || !b.Retired)
        {
            // What a handler's frame holds is the delivery's: the definitions compare what instructions do.
            return a.Ending == b.Ending ? null : new Difference("outcome", a.Ending, b.Ending);
        }

        for (int i = 0; i < RegisterNames.Length; i++)
        {
            if (a.Registers[i] != b.Registers[i])
            {
                return new Difference(RegisterNames[i], $"{a.Registers[i]:X8}", $"{b.Registers[i]:X8}");
            }
        }

        if (a.End.Eip != b.End.Eip)
        {
            return new Difference("eip", $"{a.End.Eip:X8}", $"{b.End.Eip:X8}");
        }

        if (((a.EndFlags ^ b.EndFlags) & ProgramFlags) != 0)
        {
            return new Difference("eflags", $"{a.EndFlags & ProgramFlags:X8}", $"{b.EndFlags & ProgramFlags:X8}");
        }

        return MemoryBetween(a, b) ?? PortsBetween(a, b) ?? (resources ? ResourcesBetween(a, b) : null);
    }

    private static Difference? MemoryBetween(Outcome a, Outcome b)
    {
        for (int i = 0; i < Math.Max(a.Memory.Count, b.Memory.Count); i++)
        {
            (uint Address, byte Value)? first = i < a.Memory.Count ? a.Memory[i] : null;
            (uint Address, byte Value)? second = i < b.Memory.Count ? b.Memory[i] : null;
            if (first != second)
            {
                uint address = Math.Min(first?.Address ?? uint.MaxValue, second?.Address ?? uint.MaxValue);
                return new Difference($"memory {address:X5}", Text(first, address), Text(second, address));
            }
        }

        return null;

        static string Text((uint Address, byte Value)? change, uint address) => change is { } c && c.Address == address ? $"{c.Value:X2}" : "unchanged";
    }

    private static Difference? PortsBetween(Outcome a, Outcome b) =>
        a.Ports.AsSpan().SequenceEqual(b.Ports) ? null : new Difference("ports", Text(a.Ports), Text(b.Ports));

    private static string Text(PortAccess[] accesses) =>
        accesses.Length == 0 ? "none" : string.Join(' ', accesses.Select(p => $"{(p.Write ? "out" : "in")} {p.Port:X4} {p.Value:X}"));

    /// <summary>No component of R has changed. Most instructions leave it alone, and comparing bytes is cheap.</summary>
    private unsafe bool LeftResources
    {
        get
        {
            if (_leftResources is { } known)
            {
                return known;
            }

            fixed (CpuState* start = &Start, end = &End)
            {
                bool same = start->Cpl == end->Cpl && start->Activity == end->Activity && ((StartFlags ^ EndFlags) & SystemFlagBits) == 0
                    && ChangedMsr is null && !EnteredGuest && Operation.Before == Operation.After
                    && new ReadOnlySpan<byte>(&start->Es, 8 * sizeof(SegmentRegister)).SequenceEqual(new ReadOnlySpan<byte>(&end->Es, 8 * sizeof(SegmentRegister)))
                    && Same(start->Gdtr, end->Gdtr) && Same(start->Idtr, end->Idtr)
                    && new ReadOnlySpan<byte>(&start->System, sizeof(SystemRegisters)).SequenceEqual(new ReadOnlySpan<byte>(&end->System, sizeof(SystemRegisters)));
                _leftResources = same;
                return same;
            }

            static bool Same(DescriptorTableRegister a, DescriptorTableRegister b) => a.Base == b.Base && a.Limit == b.Limit;
        }
    }

    private static Difference? ResourcesBetween(Outcome a, Outcome b)
    {
        if (a.LeftResources && b.LeftResources)
        {
            return null;
        }

        using IEnumerator<Component> first = a.Components().GetEnumerator();
        using IEnumerator<Component> second = b.Components().GetEnumerator();
        while (first.MoveNext() && second.MoveNext())
        {
            bool same = first.Current.Changed || second.Current.Changed ? first.Current.After == second.Current.After : true;
            if (!same && !(first.Current.Name == "cpl" && first.Current.Changed && second.Current.Changed))
            {
                return new Difference(first.Current.Name, $"{first.Current.After}", $"{second.Current.After}");
            }
        }

        return null;
    }

    /// <summary>R, component by component, in one order.</summary>
    private IEnumerable<Component> Components()
    {
        CpuState start = Start;
        CpuState end = End;
        yield return Number("cpl", (uint)start.Cpl, (uint)end.Cpl);
        yield return Word("vmx operation", Operation.Before, Operation.After);
        yield return Word("guest operation", "no", EnteredGuest ? "yes" : "no");
        foreach ((string name, uint bit) in SystemFlags)
        {
            int shift = System.Numerics.BitOperations.TrailingZeroCount(bit);
            yield return Number(name, (StartFlags & bit) >> shift, (EndFlags & bit) >> shift);
        }

        yield return Table("gdtr", start.Gdtr, end.Gdtr);
        yield return Table("idtr", start.Idtr, end.Idtr);
        yield return Segment("ldtr", start.Ldtr, end.Ldtr, false, 0xFFFF);
        yield return Segment("tr", start.Tr, end.Tr, false, 0xFFFF);
        yield return Register("cr0", start.System.Cr0, end.System.Cr0);
        yield return Register("cr2", start.System.Cr2, end.System.Cr2);
        yield return Register("cr3", start.System.Cr3, end.System.Cr3);
        yield return Register("cr4", start.System.Cr4, end.System.Cr4);
        yield return Register("dr0", start.System.Dr0, end.System.Dr0);
        yield return Register("dr1", start.System.Dr1, end.System.Dr1);
        yield return Register("dr2", start.System.Dr2, end.System.Dr2);
        yield return Register("dr3", start.System.Dr3, end.System.Dr3);
        yield return Register("dr6", start.System.Dr6, end.System.Dr6);
        yield return Register("dr7", start.System.Dr7, end.System.Dr7);
        yield return new Component("efer", false, new(ValueKind.Wide, start.System.Efer), new(ValueKind.Wide, end.System.Efer));
        yield return Register("sysenter cs", start.System.SysenterCs, end.System.SysenterCs);
        yield return Register("sysenter esp", start.System.SysenterEsp, end.System.SysenterEsp);
        yield return Register("sysenter eip", start.System.SysenterEip, end.System.SysenterEip);
        yield return Word("msr", "as before", ChangedMsr ?? "as before");
        yield return Word("activity", Enum.GetName(start.Activity)!, Enum.GetName(end.Activity)!);
        yield return Segment("cs", start.Cs, end.Cs, true, 0xFFFC);
        yield return Segment("ss", start.Ss, end.Ss, true, 0xFFFC);
        yield return Segment("ds", start.Ds, end.Ds, true, 0xFFFF);
        yield return Segment("es", start.Es, end.Es, true, 0xFFFF);
        yield return Segment("fs", start.Fs, end.Fs, true, 0xFFFF);
        yield return Segment("gs", start.Gs, end.Gs, true, 0xFFFF);
    }

    private static Component Number(string name, uint before, uint after) => new(name, false, new(ValueKind.Number, before), new(ValueKind.Number, after));

    private static Component Register(string name, uint before, uint after) => new(name, false, new(ValueKind.Register, before), new(ValueKind.Register, after));

    private static Component Word(string name, string before, string after) => new(name, false, new(ValueKind.Text, 0, Word: before), new(ValueKind.Text, 0, Word: after));

    private static Component Table(string name, DescriptorTableRegister before, DescriptorTableRegister after)
    {
        return new(name, false, Value(before), Value(after));

        static ResourceValue Value(DescriptorTableRegister r) => new(ValueKind.Table, (ulong)r.Base << 32 | r.Limit);
    }

    /// <summary>The RPL of CS and SS is the mode itself, and DPL 3 is virtual-8086 mode's: neither is compared.</summary>
    private static Component Segment(string name, in SegmentRegister before, in SegmentRegister after, bool isSegment, ushort mask)
    {
        return new(name, isSegment, Value(before, mask), Value(after, mask));

        static ResourceValue Value(in SegmentRegister s, ushort mask) => new(ValueKind.Segment, (ulong)s.Base << 32 | s.Limit, (ushort)(s.Selector & mask));
    }
}
