namespace Harness.Records;

/// <summary>What experiment says of the instruction forms of a processor model: one JSON object of schema <see cref="CurrentSchema"/>. Fields are added, never renamed.</summary>
public sealed record ClassificationRecord
{
    /// <summary>The only schema that is written.</summary>
    public const string CurrentSchema = "harness-classification/1";

    /// <summary>Always <see cref="CurrentSchema"/>.</summary>
    public string Schema => CurrentSchema;

    /// <summary>The model as an option names it: its name, or the full path of its file.</summary>
    public required string Cpu { get; init; }

    /// <summary>The model's own name.</summary>
    public required string Model { get; init; }

    /// <summary>A few words.</summary>
    public required string Description { get; init; }

    /// <summary>In the order asked for.</summary>
    public required IReadOnlyList<ClassifiedMode> Modes { get; init; }
}

/// <summary>The forms of one mode.</summary>
/// <param name="Mode">real, protected or v86.</param>
/// <param name="Configurations">What verdicts are relative to, the most permissive first.</param>
/// <param name="Forms">In the decoder's order.</param>
/// <param name="Theorems">By number, with loads of segment registers first, then without; empty where only some of the forms were classified.</param>
public sealed record ClassifiedMode(
    string Mode, IReadOnlyList<ClassifiedConfiguration> Configurations, IReadOnlyList<ClassifiedForm> Forms, IReadOnlyList<TheoremRecord> Theorems);

/// <summary>Bits with which a monitor decides what traps.</summary>
public sealed record ClassifiedConfiguration(string Name, string Meaning);

/// <summary>One instruction form.</summary>
/// <param name="Name">As the manual spells it, in lower case: <c>mov cr3, r32</c>.</param>
/// <param name="Code">The decoder's name of the encoding.</param>
/// <param name="OpCode">As the manual spells it: <c>0F 22 /r</c>.</param>
/// <param name="Settings">States that were tried, in every situation each.</param>
/// <param name="Faults">Faults that ended runs, by vector.</param>
/// <param name="Verdicts">One for each configuration.</param>
/// <param name="Note">What the definitions do not say about it; null: nothing.</param>
public sealed record ClassifiedForm(
    string Name, string Code, string OpCode, int Settings, IReadOnlyList<string> Faults, IReadOnlyList<ClassVerdict> Verdicts, string? Note = null);

/// <summary>The verdict on a form under a configuration.</summary>
public sealed record ClassVerdict
{
    /// <summary>Name of the configuration.</summary>
    public required string Configuration { get; init; }

    /// <summary>privileged, sensitive (and not privileged), innocuous, undecided or absent.</summary>
    public required string Class { get; init; }

    /// <summary>Pairs of which a side retired.</summary>
    public required int Pairs { get; init; }

    /// <summary>Of these, those whose user side trapped.</summary>
    public required int Trapped { get; init; }

    /// <summary>Every pair trapped, and there was one.</summary>
    public required bool Privileged { get; init; }

    /// <summary>Control or behavior sensitive; loads of segment registers count.</summary>
    public required bool Sensitive { get; init; }

    /// <summary>Control or location sensitive in a state of user mode.</summary>
    public required bool UserSensitive { get; init; }

    /// <summary>What was proven, each with its witness.</summary>
    public required IReadOnlyList<ClassFinding> Findings { get; init; }

    /// <summary>Of a sensitive form the first pair whose user side ran without a trap; null of others.</summary>
    public ClassWitness? Unprivileged { get; init; }
}

/// <summary>One proven property.</summary>
/// <param name="Name"><c>control(system)</c>, <c>control(segment)</c>, <c>mode</c>, <c>location(…)</c> or <c>resource(…)</c>.</param>
/// <param name="Side">supervisor or user.</param>
/// <param name="Witness">What proves it.</param>
public sealed record ClassFinding(string Name, string Side, ClassWitness Witness);

/// <summary>The states that prove a finding, in the form in which a scenario replays them.</summary>
/// <param name="Setting">Instruction, registers and operands, as <c>code=9D eax=… @C800=…</c>, in hexadecimal.</param>
/// <param name="Configuration">The configuration they ran under.</param>
/// <param name="First">Where it ran first: the side, and what was elsewhere: <c>user+tables</c>.</param>
/// <param name="Second">Where it ran then; null where one run is the proof, from its start to its end.</param>
/// <param name="FirstState"><paramref name="First"/> in words.</param>
/// <param name="SecondState"><paramref name="Second"/> in words.</param>
/// <param name="What">What differs.</param>
/// <param name="FirstValue">In the first run, or before.</param>
/// <param name="SecondValue">In the second run, or after.</param>
public sealed record ClassWitness(
    string Setting, string Configuration, string First, string? Second, string FirstState, string? SecondState, string What, string FirstValue, string SecondValue);

/// <summary>What the condition of one of Popek and Goldberg's theorems comes to.</summary>
/// <param name="Theorem">1, 2 or 3.</param>
/// <param name="Configuration">Name of the configuration.</param>
/// <param name="Segments">Loads of segment registers count as control sensitive.</param>
/// <param name="Holds">No form violates the condition, as far as experiment can tell.</param>
/// <param name="Offending">Names of the forms that do.</param>
public sealed record TheoremRecord(int Theorem, string Configuration, bool Segments, bool Holds, IReadOnlyList<string> Offending);
