using System.Text;
using Harness.Vmm;
using GuestImage = Harness.Machine.GuestImage;

namespace Harness.Scenarios;

/// <summary>What a guest did under one engine, as a scenario looks at it. Registers are those at the end, as the guest sees them.</summary>
public sealed class GuestRun
{
    private readonly EquivalenceVerdict? _equivalence;

    internal GuestRun(EngineRun run, EquivalenceVerdict? equivalence, ScenarioContext scenario)
    {
        Details = run;
        _equivalence = equivalence;
        Scenario = scenario;
        Events = new RunEvents(this, "events", [run.Ledger], _ => true);
    }

    /// <summary>Name of the engine.</summary>
    public string Engine => Details.Engine.Name;

    public MonitorKind Kind => Details.Engine.Kind;

    public GuestImage Guest => Details.Guest;

    public uint Eax => Read("eax", Details.Final.Eax);

    public uint Ecx => Read("ecx", Details.Final.Ecx);

    public uint Edx => Read("edx", Details.Final.Edx);

    public uint Ebx => Read("ebx", Details.Final.Ebx);

    public uint Esp => Read("esp", Details.Final.Esp);

    public uint Ebp => Read("ebp", Details.Final.Ebp);

    public uint Esi => Read("esi", Details.Final.Esi);

    public uint Edi => Read("edi", Details.Final.Edi);

    public uint Eip => Read("eip", Details.Final.Eip);

    /// <summary>EFLAGS.</summary>
    public Flags Flags => (Flags)Read("eflags", Details.Final.ArithmeticFlags | Details.Final.SystemFlags);

    public int Cpl => Read("CPL", Details.Final.Cpl);

    /// <summary>Why the run ended.</summary>
    public GuestEnd End => Read("end", Details.End);

    /// <summary>2v + 1 for a value v written to the exit port; null if none was.</summary>
    public int? ExitCode => Read("exit code", Details.ExitCode);

    /// <summary>What the guest sent on COM1.</summary>
    public string Console => Read("console", Details.Console);

    /// <summary>The text on the screen at the end.</summary>
    public string Screen => Read("screen", Details.Screen);

    /// <summary>Of the guest clock.</summary>
    public long Ticks => Read("ticks", Details.Ticks);

    /// <summary>Guest instructions by how they were executed.</summary>
    public RetiredCounts Retired => Read("retired instructions", Details.Retired);

    /// <summary>By the cost profile: the guest's own cycles and what the engine adds.</summary>
    public long Cycles => Read("cycles", Details.GuestCycles + Details.OverheadCycles);

    /// <summary>Of <see cref="Cycles"/>, what the engine adds.</summary>
    public long OverheadCycles => Read("overhead cycles", Details.OverheadCycles);

    /// <summary>What reached the monitor; empty on the bare machine.</summary>
    public RunEvents Events { get; }

    /// <summary>Whether the guest fared as on the bare machine, and the first value that differed.</summary>
    /// <exception cref="InvalidOperationException">The run was made without <see cref="RunSettings.JudgeProperties"/>.</exception>
    public EquivalenceVerdict Equivalence => Read("equivalence", _equivalence) ?? throw NotJudged("equivalence");

    /// <summary>Whether no instruction that ran directly changed anything outside what the guest was given.</summary>
    /// <exception cref="InvalidOperationException">The run was made without <see cref="RunSettings.JudgeProperties"/>.</exception>
    public ResourceControl ResourceControl => Read("resource control", Details.ResourceControl) ?? throw NotJudged("resource control");

    /// <summary>How many instructions ran without intervention.</summary>
    public Efficiency Efficiency => Read("efficiency", Details.Efficiency);

    /// <summary>Lower-case hexadecimal SHA-256 over the final state.</summary>
    public string Digest => Read("digest", Details.Digest);

    /// <summary>Everything that is known of the run.</summary>
    public EngineRun Details { get; }

    internal ScenarioContext Scenario { get; }

    /// <summary>Events at a level of nesting: 0 for what the guest itself handles, 1 for the monitor on the hardware (the guest, if it is a hypervisor on the bare machine).</summary>
    public RunEvents Level(int level) => new(this, $"level-{level} events", [Details.MachineEvents, Details.Ledger], e => e.Level == level);

    /// <summary>A register, flag or field by the name that divergences use: "ecx", "eflags.IF", "cr0", "gdtr.base".</summary>
    /// <exception cref="ArgumentException">There is no such register.</exception>
    public uint Register(string name) => Read(name, (GuestRegister.All.FirstOrDefault(r => r.Name == name)
        ?? throw new ArgumentException($"There is no register '{name}'; there are {string.Join(", ", GuestRegister.All.Select(r => r.Name))}.", nameof(name))).Read(Details.Final));

    /// <summary>32 bits of the guest's memory at the end, little-endian.</summary>
    /// <param name="address">Guest-physical, of RAM.</param>
    public uint Memory(uint address) => Read(Place(address), Details.Memory.ReadUInt32(new GuestPhysicalAddress(address)));

    /// <summary>Bytes of the guest's memory at the end.</summary>
    /// <param name="address">Guest-physical, of RAM.</param>
    /// <param name="count">How many.</param>
    public byte[] Memory(uint address, int count)
    {
        var bytes = new byte[count];
        Details.Memory.Read(new GuestPhysicalAddress(address), bytes);
        return Read(Place(address), bytes);
    }

    /// <summary>The characters of one byte each from an address up to a zero.</summary>
    /// <param name="address">Guest-physical, of RAM.</param>
    public string Text(uint address)
    {
        var text = new StringBuilder();
        for (var at = new GuestPhysicalAddress(address); Details.Memory.ReadByte(at) is not 0 and var c; at += 1)
        {
            text.Append((char)c);
        }

        return Read(Place(address), text.ToString());
    }

    public override string ToString() => $"{Engine} on {Details.Model.Name}";

    /// <summary>Notes what is looked at: an assertion on a plain value knows neither its name nor its run.</summary>
    internal T Read<T>(string name, T value)
    {
        Scenario.LastRead = value is uint number ? $"{name} = {number:X8}h of {this}" : $"{name} of {this}";
        return value;
    }

    private static string Place(uint address) => $"[{new GuestPhysicalAddress(address)}]";

    private InvalidOperationException NotJudged(string property) => new($"The run under {Engine} did not judge {property}: its settings say JudgeProperties = false.");
}
