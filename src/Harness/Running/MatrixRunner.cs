using Harness.Machine;
using Harness.Records;
using Harness.Scenarios;
using Harness.Vmm;
using Harness.Vmm.Classification;

namespace Harness.Running;

/// <summary>Fills the virtualization matrix of a model, in as many workers as the executor has. The result does not depend on how many these are.</summary>
public static class MatrixRunner
{
    private const int RowsOfOnePiece = 8;

    /// <summary>The rows in the order of the groups, within one in that of the classification.</summary>
    /// <param name="model">The processor.</param>
    /// <param name="mode">Real-address or protected mode.</param>
    /// <param name="side">The kernel's instructions, or a user's in protected mode.</param>
    /// <param name="engines">The reference first.</param>
    /// <param name="wanted">Which forms; null: all.</param>
    /// <param name="executor">Runs the pieces.</param>
    /// <param name="cancellation">Ends the work early by <see cref="OperationCanceledException"/>.</param>
    public static IReadOnlyList<MatrixRecord> Run(
        ProcessorModel model, GuestMode mode, Side side, IReadOnlyList<IEngine> engines, Func<InstructionForm, bool>? wanted, IExecutor executor,
        CancellationToken cancellation = default)
    {
        var classified = ClassificationRunner.Run(model, [mode], wanted, executor, cancellation: cancellation);
        FormVerdict[][] pieces = [.. FormMatrix.Select(classified).Chunk(RowsOfOnePiece)];
        var rows = new MatrixRecord[pieces.Length][];
        var end = executor.Execute(pieces.Length, Fill, isLimited: false, cancellation);
        return end.Cancelled
            ? throw new OperationCanceledException(cancellation)
            : [.. rows.SelectMany(r => r).OrderBy(r => FormGroup.Names.TakeWhile(name => name != r.Group).Count())];

        void Fill(int i)
        {
            var matrix = new FormMatrix(model, mode, side, engines, CostProfile.Load(ScenarioContext.DefaultCost));
            rows[i] = [.. pieces[i].Select(v => MatrixRecords.Of(model.Name, matrix.Row(v)))];
        }
    }
}
