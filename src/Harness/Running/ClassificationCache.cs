using System.Collections.Concurrent;
using Harness.Machine;
using Harness.Vmm.Classification;

namespace Harness.Running;

/// <summary>The classifications of one run of the harness: each model and mode is classified once, however many scenarios ask.</summary>
internal sealed class ClassificationCache
{
    private readonly ConcurrentDictionary<(string Cpu, GuestMode Mode), Lazy<IReadOnlyList<FormVerdict>>> _whole = new();

    /// <summary>The verdicts on all forms, or on those that a name means.</summary>
    /// <param name="cpu">What <see cref="ModelRegistry.Load"/> takes.</param>
    /// <param name="mode">The guest's mode.</param>
    /// <param name="instruction">A mnemonic or the name of a form; null: all.</param>
    /// <param name="cancellation">Ends the work early.</param>
    public IReadOnlyList<FormVerdict> Get(string cpu, GuestMode mode, string? instruction, CancellationToken cancellation)
    {
        if (instruction is null)
        {
            return _whole.GetOrAdd((cpu, mode), _ => new Lazy<IReadOnlyList<FormVerdict>>(() => Classify(cpu, mode, null, cancellation))).Value;
        }

        return _whole.TryGetValue((cpu, mode), out Lazy<IReadOnlyList<FormVerdict>>? whole)
            ? [.. whole.Value.Where(v => v.Form.IsNamed(instruction))]
            : Classify(cpu, mode, form => form.IsNamed(instruction), cancellation);
    }

    private static IReadOnlyList<FormVerdict> Classify(string cpu, GuestMode mode, Func<InstructionForm, bool>? wanted, CancellationToken cancellation)
    {
        ProcessorModel model = ModelRegistry.Load(cpu);
        return ClassificationRunner.Run(model, [mode], wanted, new InlineExecutor(), cancellation);
    }
}
