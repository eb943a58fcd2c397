namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMPTRST: stores the pointer to the current VMCS.</summary>
[Encodings(Code.Vmptrst_m64)]
public readonly struct Vmptrst : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        if (!VmxInstruction.Begin(processor, in instruction, ExitReason.Vmptrst))
        {
            return false;
        }

        MachinePort port = processor.Port;
        uint offset = port.EffectiveAddress(in instruction, out SegmentName segment);
        return port.Write(segment, offset, VmxUnit.Of(processor).Vmptrst()) && VmxInstruction.End(processor, "VMPTRST", VmxResult.Succeed);
    }
}
