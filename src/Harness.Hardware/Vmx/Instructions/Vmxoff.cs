namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMXOFF: leaves VMX operation.</summary>
[Encodings(Code.Vmxoff)]
public readonly struct Vmxoff : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        return VmxInstruction.Begin(processor, in instruction, ExitReason.Vmxoff)
            && VmxInstruction.End(processor, "VMXOFF", VmxUnit.Of(processor).Vmxoff());
    }
}
