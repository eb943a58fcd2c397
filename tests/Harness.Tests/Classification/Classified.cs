using System.Collections.Concurrent;
using Harness.Machine;
using Harness.Running;
using Harness.Vmm.Classification;

namespace Harness.Tests.Classification;

/// <summary>Whole classifications, each made once for all tests.</summary>
internal static class Classified
{
    private static readonly ConcurrentDictionary<(string Cpu, GuestMode Mode), Lazy<IReadOnlyList<FormVerdict>>> Made = [];

    public static IReadOnlyList<FormVerdict> Of(string cpu, GuestMode mode) =>
        Made.GetOrAdd((cpu, mode), key => new(() => Some(ModelRegistry.Load(key.Cpu), key.Mode))).Value;

    public static IReadOnlyList<FormVerdict> Some(ProcessorModel model, GuestMode mode, params string[] mnemonics) =>
        ClassificationRunner.Run(model, [mode], mnemonics.Length == 0 ? null : f => mnemonics.Contains(f.Mnemonic), new InlineExecutor());
}
