using Harness.Hardware.Vmx.Instructions;

namespace Harness.Hardware.Vmx;

/// <summary>VT-x for every processor of a model that has it.</summary>
public sealed class VmxExtension : IProcessorExtension
{
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
        var unit = new VmxUnit(processor);
        processor.Intercepts = unit;
        processor.Add(unit);
    }
}
