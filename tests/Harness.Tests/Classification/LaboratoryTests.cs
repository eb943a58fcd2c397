using FluentAssertions;
using Harness.Hardware.Vmx;
using Harness.Hardware.Vmx.Instructions;
using Harness.Machine;
using Harness.Vmm.Classification;
using NUnit.Framework;

namespace Harness.Tests.Classification;

/// <summary>The laboratory says when its own code did not bring about the state that a setting asks for.</summary>
public sealed class LaboratoryTests
{
    [TestCase]
    [TestCase(typeof(Vmxon))]
    [TestCase(typeof(Vmxon), typeof(Vmclear))]
    public void Without_a_current_VMCS_no_setting_runs_in_VMX_operation(params Type[] instructions)
    {
        ProcessorModel model = ProcessorModel.Load("yonah");
        model.Add(new Part(new VmxExtension(model, model.Name), instructions));
        using var laboratory = new Laboratory(model);
        var situation = new Situation(GuestMode.Protected, Side.Supervisor, MonitorConfiguration.Permissive, Axis.None);

        FluentActions.Invoking(() => laboratory.Run(Setting.Parse($"code=90 vmx={(int)VmxOperation.Root}"), situation))
            .Should().Throw<InvalidOperationException>().WithMessage("*did not lead into VMX operation with a current VMCS*");
    }

    /// <summary>VT-x of which only some instructions exist: the others raise #UD.</summary>
    private sealed class Part(VmxExtension whole, Type[] instructions) : IProcessorExtension
    {
        public IEnumerable<Type> Rows => instructions;

        public void Attach(Processor processor) => whole.Attach(processor);
    }
}
