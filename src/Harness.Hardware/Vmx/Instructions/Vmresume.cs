namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMRESUME: enters the guest of a VMCS that is launched.</summary>
[Encodings(Code.Vmresume)]
public readonly struct Vmresume : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        if (!VmxInstruction.Begin(processor, in instruction, ExitReason.Vmresume))
        {
            return false;
        }

        return VmxInstruction.EndEntry(processor, "VMRESUME", VmxUnit.Of(processor).Vmresume());
    }
}
