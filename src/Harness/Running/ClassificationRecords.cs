using Harness.Machine;
using Harness.Records;
using Harness.Vmm.Classification;

namespace Harness.Running;

/// <summary>Makes records of verdicts.</summary>
public static class ClassificationRecords
{
    /// <summary>The record of a classification.</summary>
    /// <param name="cpu">The model as an option names it.</param>
    /// <param name="model">The processor.</param>
    /// <param name="modes">The guest's modes.</param>
    /// <param name="verdicts">Of <see cref="ClassificationRunner"/>.</param>
    /// <param name="configurations">Those to be shown.</param>
    /// <param name="isWhole">The verdicts are those of all forms, so that theorems can be decided.</param>
    public static ClassificationRecord Of(
        string cpu, ProcessorModel model, IReadOnlyList<GuestMode> modes, IReadOnlyList<FormVerdict> verdicts, IReadOnlyList<MonitorConfiguration> configurations,
        bool isWhole)
    {
        return new ClassificationRecord { Cpu = cpu, Model = model.Name, Description = model.Description, Modes = [.. modes.Select(Mode)] };

        ClassifiedMode Mode(GuestMode mode) => new(
            SituationNames.Of(mode),
            [.. configurations.Select(c => new ClassifiedConfiguration(c.Name, Meaning(c)))],
            [.. verdicts.Where(v => v.Mode == mode).Select(v => Form(v, configurations))],
            isWhole ? Theorem(verdicts, mode, configurations) : []);
    }

    private static string Meaning(MonitorConfiguration configuration) => configuration.Protection switch
    {
        MemoryProtection.SupervisorSegments => "as permissive, with data segments of DPL 0",
        MemoryProtection.SupervisorPages => "as permissive, with data on the supervisor's pages",
        MemoryProtection.Smep => "as permissive, with CR4.SMEP",
        MemoryProtection.Smap => "as permissive, with CR4.SMAP",
        _ => Traps(configuration),
    };

    private static string Traps(MonitorConfiguration configuration) =>
        $"IOPL {configuration.Iopl}, {(configuration.Traps ? "every" : "no")} trap that can be turned on{(configuration.VirtualInterrupts ? ", virtual interrupts" : "")}";

    private static ClassifiedForm Form(FormVerdict verdict, IReadOnlyList<MonitorConfiguration> configurations) => new(
        verdict.Form.Name,
        verdict.Form.Code.ToString(),
        verdict.Form.OpCode,
        verdict.Settings,
        [.. verdict.Faults.Select(f => $"#{f}")],
        [.. verdict.Configurations.Where(c => configurations.Contains(c.Configuration)).Select(c => Verdict(verdict, c))],
        verdict.Form.EntersByIdt ? "enters by the IDT: the monitor that owns it sees this" : null);

    // Of an innocuous form nobody asks why it is not privileged.
    private static ClassVerdict Verdict(FormVerdict form, ConfigurationVerdict verdict) => new()
    {
        Configuration = verdict.Configuration.Name,
        Class = form.ClassOf(verdict).ToString().ToLowerInvariant(),
        Pairs = verdict.Pairs,
        Trapped = verdict.Trapped,
        Privileged = verdict.IsPrivileged,
        Sensitive = verdict.IsSensitive(),
        UserSensitive = verdict.IsUserSensitive(),
        Findings = [.. verdict.Findings.Select(f => new ClassFinding(f.Name, SituationNames.Of(f.Side), Witness(f.Witness)))],
        Unprivileged = form.ClassOf(verdict) == FormClass.Sensitive && verdict.NotPrivileged is { } witness ? Witness(witness) : null,
    };

    private static ClassWitness Witness(Witness witness) => new(
        witness.Setting.ToString(),
        witness.First.Configuration.Name,
        SituationNames.Place(witness.First),
        witness.Second is { } second ? SituationNames.Place(second) : null,
        witness.First.ToString(),
        witness.Second?.ToString(),
        witness.Difference.What,
        witness.Difference.First,
        witness.Difference.Second);

    private static TheoremRecord[] Theorem(IReadOnlyList<FormVerdict> verdicts, GuestMode mode, IReadOnlyList<MonitorConfiguration> configurations) =>
    [
        .. from theorem in (int[])[1, 2, 3]
           from segments in (bool[])[true, false]
           from configuration in configurations
           let verdict = Theorems.Evaluate(theorem, verdicts, mode, configuration, segments)
           select new TheoremRecord(theorem, configuration.Name, segments, verdict.Holds, [.. verdict.Offending.Select(v => v.Form.Name)]),
    ];
}
