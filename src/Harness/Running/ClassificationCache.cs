using System.Collections.Concurrent;
using Harness.Vmm.Classification;

namespace Harness.Running;

/// <summary>
/// The classifications of one run of the harness: each form of a model and mode is classified once, however many scenarios ask. Who asks for a form that another
/// scenario is classifying at that moment classifies it too: waiting would cost more than the few forms that this happens to.
/// </summary>
internal sealed class ClassificationCache
{
    private readonly ConcurrentDictionary<(string Cpu, GuestMode Mode), IReadOnlyList<InstructionForm>> _forms = new();
    private readonly ConcurrentDictionary<(string Cpu, GuestMode Mode, string Form), FormVerdict> _verdicts = new();

    /// <summary>The verdicts on the forms that are wanted, in the decoder's order.</summary>
    /// <param name="cpu">What <see cref="ModelRegistry.Load"/> takes.</param>
    /// <param name="mode">The guest's mode.</param>
    /// <param name="wanted">Which forms.</param>
    /// <param name="cancellation">Ends the work early.</param>
    public IReadOnlyList<FormVerdict> Get(string cpu, GuestMode mode, Func<InstructionForm, bool> wanted, CancellationToken cancellation)
    {
        Classifier? classifier = null;
        try
        {
            List<FormVerdict> verdicts = [];
            foreach (InstructionForm form in _forms.GetOrAdd((cpu, mode), static key => FormCatalog.Of(ModelRegistry.Load(key.Cpu), key.Mode)).Where(wanted))
            {
                cancellation.ThrowIfCancellationRequested();
                if (!_verdicts.TryGetValue((cpu, mode, form.Name), out FormVerdict? verdict))
                {
                    classifier ??= new Classifier(ModelRegistry.Load(cpu));
                    verdict = _verdicts.GetOrAdd((cpu, mode, form.Name), classifier.Classify(form, mode));
                }

                verdicts.Add(verdict);
            }

            return verdicts;
        }
        finally
        {
            classifier?.Dispose();
        }
    }
}
