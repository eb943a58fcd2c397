using Harness.Hardware.Vmx.Instructions;

namespace Harness.Hardware.Vmx;

/// <summary>VT-x for every processor of a model that has it.</summary>
/// <param name="model">The model.</param>
/// <param name="source">Names its file in errors.</param>
/// <exception cref="ModelException">The model lacks one of MSRs 480h to 48Ah.</exception>
public sealed class VmxExtension(ProcessorModel model, string source) : IProcessorExtension
{
    private readonly VmxCapabilities _capabilities = new(model, source);

    public IEnumerable<Type> Rows { get; } =
    [
        typeof(Vmcall),
        typeof(Vmclear),
        typeof(Vmlaunch),
        typeof(Vmptrld),
        typeof(Vmptrst),
        typeof(Vmread),
        typeof(Vmresume),
        typeof(Vmwrite),
        typeof(Vmxoff),
        typeof(Vmxon),
    ];

    public void Attach(Processor processor)
    {
        var unit = new VmxUnit(processor, _capabilities);
        processor.Intercepts = unit;
        processor.Add(unit);
    }
}
