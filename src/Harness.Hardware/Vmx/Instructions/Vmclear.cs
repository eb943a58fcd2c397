namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMCLEAR: makes a VMCS clear, and not current.</summary>
[Encodings(Code.Vmclear_m64)]
public readonly struct Vmclear : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        return VmxInstruction.Begin(processor, in instruction, ExitReason.Vmclear)
            && VmxInstruction.ReadAddress(processor, in instruction, out ulong address)
            && VmxInstruction.End(processor, "VMCLEAR", VmxUnit.Of(processor).Vmclear(address));
    }
}
