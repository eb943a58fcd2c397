namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMCALL: a call to the monitor, from any privilege level and mode.</summary>
[Encodings(Code.Vmcall)]
public readonly struct Vmcall : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        VmxUnit unit = VmxUnit.Of(processor);
        return processor.IsGuest
            ? unit.ExitFromInstruction(ExitReason.Vmcall, in instruction)
            : VmxInstruction.Begin(processor, in instruction, ExitReason.Vmcall) && VmxInstruction.End(processor, "VMCALL", unit.Vmcall());
    }
}
