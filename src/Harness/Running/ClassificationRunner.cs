using Harness.Machine;
using Harness.Vmm.Classification;

namespace Harness.Running;

/// <summary>Classifies all forms of a model, in as many workers as the executor has. The result does not depend on how many these are.</summary>
public static class ClassificationRunner
{
    private const int FormsOfOnePiece = 40;

    /// <summary>The verdicts, mode by mode, in the order of the decoder's list of encodings.</summary>
    /// <param name="model">The processor.</param>
    /// <param name="modes">The guest's modes.</param>
    /// <param name="wanted">Which forms; null: all.</param>
    /// <param name="executor">Runs the pieces.</param>
    /// <param name="configurations">What verdicts are relative to; null: <see cref="MonitorConfiguration.Of"/>.</param>
    /// <param name="cancellation">Ends the work early; the result then lacks forms, and <see cref="OperationCanceledException"/> says so.</param>
    public static IReadOnlyList<FormVerdict> Run(
        ProcessorModel model, IReadOnlyList<GuestMode> modes, Func<InstructionForm, bool>? wanted, IExecutor executor,
        IReadOnlyList<MonitorConfiguration>? configurations = null, CancellationToken cancellation = default)
    {
        List<(GuestMode Mode, InstructionForm[] Forms)> pieces = [];
        foreach (GuestMode mode in modes)
        {
            IEnumerable<InstructionForm> forms = FormCatalog.Of(model, mode).Where(f => wanted?.Invoke(f) ?? true);
            pieces.AddRange(forms.Chunk(FormsOfOnePiece).Select(chunk => (mode, chunk)));
        }

        var verdicts = new FormVerdict[pieces.Count][];
        ExecutionEnd end = executor.Execute(pieces.Count, i => verdicts[i] = Classify(model, configurations, pieces[i].Mode, pieces[i].Forms), isLimited: false, cancellation);
        return end.Cancelled ? throw new OperationCanceledException(cancellation) : [.. verdicts.SelectMany(v => v)];
    }

    private static FormVerdict[] Classify(ProcessorModel model, IReadOnlyList<MonitorConfiguration>? configurations, GuestMode mode, InstructionForm[] forms)
    {
        using var classifier = new Classifier(model, configurations);
        return [.. forms.Select(f => classifier.Classify(f, mode))];
    }
}
