namespace Harness.Records;

/// <summary>One row of the virtualization matrix, a JSON object of schema <see cref="CurrentSchema"/>: an instruction form under every engine.</summary>
public sealed record MatrixRecord
{
    /// <summary>The only schema that is written and read.</summary>
    public const string CurrentSchema = "harness-matrix/1";

    /// <summary>Always <see cref="CurrentSchema"/>.</summary>
    public string Schema { get; init => field = value ?? CurrentSchema; } = CurrentSchema;

    /// <summary>Processor model.</summary>
    public required string Cpu { get; init; }

    /// <summary>real or protected.</summary>
    public required string Mode { get; init; }

    /// <summary>Whose instruction it is: supervisor or user.</summary>
    public required string Side { get; init; }

    /// <summary>The form as the manual spells it, unique in the mode of the model.</summary>
    public required string Form { get; init; }

    /// <summary>What the literature counts as one instruction.</summary>
    public required string Family { get; init; }

    /// <summary>The manual's group.</summary>
    public required string Group { get; init; }

    /// <summary>The classification's verdicts, the most permissive configuration first.</summary>
    public required IReadOnlyList<MatrixClass> Classes { get; init; }

    /// <summary>The instance that ran, as the classification writes settings; null: none did.</summary>
    public string? Setting { get; init; }

    /// <summary>Where it ran, in words.</summary>
    public string Situation { get; init => field = value ?? ""; } = "";

    /// <summary>One for each engine, in their order.</summary>
    public required IReadOnlyList<MatrixCellRecord> Cells { get; init; }
}

/// <summary>Class of a form under a monitor's configuration: privileged, sensitive, resource or innocuous.</summary>
public sealed record MatrixClass(string Configuration, string Class);

/// <summary>One form under one engine.</summary>
public sealed record MatrixCellRecord
{
    /// <summary>The engine.</summary>
    public required string Engine { get; init; }

    /// <summary>direct, emulated, event or not applicable.</summary>
    public required string Outcome { get; init; }

    /// <summary>With outcome event: what led to the monitor.</summary>
    public IReadOnlyList<MatrixEvent> Events { get; init => field = value ?? []; } = [];

    /// <summary>What the guest saw otherwise than on the bare machine, by this very instruction; null: nothing.</summary>
    public MatrixDifference? Wrong { get; init; }

    /// <summary>With outcome not applicable: why.</summary>
    public string? Reason { get; init; }

    /// <summary>The instance that the engine gets wrong, if it is not the row's.</summary>
    public string? Setting { get; init; }

    /// <summary>Where that ran, if not where the row's did.</summary>
    public string? Situation { get; init; }
}

/// <summary>Events of one kind (trap, exit, callout, hypercall) and one cause at the instruction.</summary>
public sealed record MatrixEvent(string Kind, string Cause, long Count);

/// <summary>A guest-visible value: eflags.IF, a register, a byte of memory, a fault; what it is on the bare machine and under the engine, as text.</summary>
public sealed record MatrixDifference(string Value, string Bare, string Found);
