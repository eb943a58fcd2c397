#load "../prelude.csx"

using Harness.Vmm.Classification;

// Which forms have a row, and with which operands, comes from the classification by experiment; what the cells say, from runs.
foreach (string group in FormGroup.Names)
{
    Scenario($"Sensitive forms and an innocuous one on every engine: {group}", covers: "H1", parameters: new { group }, s =>
    {
        var matrix = s.Matrix(group);
        matrix.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, (row, cell) => cell.Wrong.Should().BeNull("{0} is right there", row.Verdict.Form));
        matrix.Each(Monitor.Deprivileged, (row, cell) =>
        {
            bool mustTrap = row.Verdict.Configurations[0].IsPrivileged && cell.Outcome != CellOutcome.NotApplicable;
            (mustTrap && cell.Outcome != CellOutcome.Event).Should().BeFalse("{0} is privileged", row.Verdict.Form);
        });
    });
}
