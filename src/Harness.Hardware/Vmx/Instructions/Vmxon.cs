namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMXON: enters VMX operation, with a region in memory that is the processor's own.</summary>
[Encodings(Code.Vmxon_m64)]
public readonly struct Vmxon : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        VmxUnit unit = VmxUnit.Of(processor);
        if (processor.IsGuest && !unit.IsUndefined)
        {
            return unit.ExitFromInstruction(ExitReason.Vmxon, in instruction);
        }

        if (unit.RefusesVmxon() is { } vector)
        {
            return processor.Port.Fault(vector);
        }

        return VmxInstruction.ReadAddress(processor, in instruction, out ulong address) && VmxInstruction.End(processor, "VMXON", unit.Vmxon(address));
    }
}
