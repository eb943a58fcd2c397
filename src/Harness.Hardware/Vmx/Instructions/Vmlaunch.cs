namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMLAUNCH: enters the guest of a VMCS that is clear.</summary>
[Encodings(Code.Vmlaunch)]
public readonly struct Vmlaunch : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        if (!VmxInstruction.Begin(processor, in instruction, ExitReason.Vmlaunch))
        {
            return false;
        }

        return VmxInstruction.EndEntry(processor, "VMLAUNCH", VmxUnit.Of(processor).Vmlaunch());
    }
}
