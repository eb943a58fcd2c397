using Harness.Records;
using Harness.Vmm.Classification;

namespace Harness.Scenarios;

/// <summary>Rows of the virtualization matrix as records.</summary>
public static class MatrixRecords
{
    private static readonly string[] OutcomeNames = ["direct", "emulated", "event", "not applicable"];

    /// <summary>The record of a row.</summary>
    /// <param name="cpu">Name of the processor model.</param>
    /// <param name="row">The row.</param>
    public static MatrixRecord Of(string cpu, MatrixRow row) => new()
    {
        Cpu = cpu,
        Mode = row.Situation.Mode.ToString().ToLowerInvariant(),
        Side = row.Situation.Side.ToString().ToLowerInvariant(),
        Form = row.Verdict.Form.Name,
        Family = FormGroup.FamilyOf(row.Verdict.Form),
        Group = row.Group,
        Classes = [.. row.Verdict.Configurations.Select(c => new MatrixClass(c.Configuration.Name, ClassOf(row.Verdict, c)))],
        Setting = row.Setting?.ToString(),
        Situation = row.Situation.ToString(),
        Cells = [.. row.Cells.Select(c => Cell(c, row))],
    };

    /// <summary>The classification's class; an innocuous form that shows time or the platform is of the third one.</summary>
    private static string ClassOf(FormVerdict verdict, ConfigurationVerdict configuration) => verdict.ClassOf(configuration) switch
    {
        FormClass.Innocuous when configuration.IsSensitive(resources: true) => "resource",
        var other => other.ToString().ToLowerInvariant(),
    };

    private static MatrixCellRecord Cell(MatrixCell cell, MatrixRow row) => new()
    {
        Engine = cell.Engine.Name,
        Outcome = OutcomeNames[(int)cell.Outcome],
        Events = [.. cell.Events.Select(e => new MatrixEvent(RunRecords.Name(e.Kind), e.Cause, e.Count))],
        Wrong = cell.Wrong is { } d ? new MatrixDifference(d.Value, d.Show(d.Bare), d.Show(d.Found)) : null,
        Reason = cell.Outcome == CellOutcome.NotApplicable ? cell.Reason : null,
        Setting = cell.Setting is { } setting && (setting != row.Setting || cell.Situation != row.Situation) ? setting.ToString() : null,
        Situation = cell.Setting is not null && cell.Situation != row.Situation ? cell.Situation.ToString() : null,
    };
}
