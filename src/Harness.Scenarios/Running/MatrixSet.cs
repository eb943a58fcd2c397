using Harness.Vmm;
using Harness.Vmm.Classification;

namespace Harness.Scenarios;

/// <summary>A part of the virtualization matrix: what came of the forms of one group.</summary>
public sealed class MatrixSet
{
    private readonly ScenarioContext _scenario;

    private MatrixSet(ScenarioContext scenario, IReadOnlyList<MatrixRow> rows)
    {
        _scenario = scenario;
        Rows = rows;
    }

    /// <summary>In the order of the classification.</summary>
    public IReadOnlyList<MatrixRow> Rows { get; }

    /// <summary>The cell of a form, as the classification names it, under an engine. If the engine was not run, the body ends here without failure.</summary>
    /// <exception cref="ArgumentException">There is no such row or engine.</exception>
    public MatrixCell this[string form, string engine]
    {
        get
        {
            MatrixRow row = Rows.FirstOrDefault(r => r.Verdict.Form.Name == form)
                ?? throw new ArgumentException($"There is no row '{form}'; there are {string.Join(", ", Rows.Select(r => r.Verdict.Form.Name))}.", nameof(form));
            IEngine known = _scenario.Host.Engines.FirstOrDefault(e => e.Name == engine)
                ?? throw new ArgumentException($"There is no engine '{engine}'; there are {string.Join(", ", _scenario.Host.Engines.Select(e => e.Name))}.", nameof(engine));
            return row.Find(known.Name) ?? throw new EngineNotRunException(engine, "--engine leaves it out, or it is the reference");
        }
    }

    /// <summary>Checks every cell of the engines of the kinds; a failure is reported under its engine.</summary>
    public void Each(MonitorKind kinds, Action<MatrixRow, MatrixCell> check)
    {
        foreach (MatrixRow row in Rows)
        {
            foreach (MatrixCell cell in row.Cells.Where(c => (c.Engine.Kind & kinds) != 0))
            {
                _scenario.Engine = cell.Engine.Name;
                check(row, cell);
                _scenario.Engine = null;
                _scenario.Host.Count(1, 0);
            }
        }
    }

    internal static MatrixSet Run(ScenarioContext scenario, string group, string cpu, GuestMode mode, Side side)
    {
        if (!FormGroup.Names.Contains(group))
        {
            throw new ArgumentException($"There is no group '{group}'; there are {string.Join(", ", FormGroup.Names)}.", nameof(group));
        }

        RunOptions options = scenario.Host.Options;
        ProcessorModel model = scenario.Host.LoadModel(options.Cpu ?? cpu);
        CostProfile costs = CostProfile.Load(options.Cost ?? ScenarioContext.DefaultCost);
        IReadOnlyList<IEngine> engines =
            [.. scenario.Host.Engines.Where(e => e.Kind == MonitorKind.Bare || options.Engines is not { } chosen || chosen.Contains(e.Name))];
        var matrix = new FormMatrix(model, mode, side, engines, costs);
        IReadOnlyList<FormVerdict> verdicts = scenario.Host.Classify(options.Cpu ?? cpu, mode, form => FormGroup.Of(form) == group);
        List<MatrixRow> rows = [];
        foreach (FormVerdict verdict in FormMatrix.Select(verdicts))
        {
            scenario.Cancellation.ThrowIfCancellationRequested();
            MatrixRow row = matrix.Row(verdict);
            rows.Add(row);
            if (options.Engines is null)
            {
                scenario.Host.Add(MatrixRecords.Of(model.Name, row));
            }
        }

        return new MatrixSet(scenario, rows);
    }
}
