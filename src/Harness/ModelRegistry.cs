using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;

namespace Harness;

/// <summary>The processor models that come with the harness, with the virtualization hardware that they have.</summary>
public static class ModelRegistry
{
    /// <summary>A fresh copy of a model.</summary>
    /// <exception cref="ModelException">There is no such model.</exception>
    public static ProcessorModel Load(string name)
    {
        var model = ProcessorModel.Load(name);
        if (model.Has(Feature.Vmx))
        {
            model.Add(new VmxExtension());
        }

        return model;
    }
}
