namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMWRITE: a field of the current VMCS, its encoding in the first operand.</summary>
[Encodings(Code.Vmwrite_r32_rm32)]
public readonly struct Vmwrite : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        MachinePort port = processor.Port;
        return VmxInstruction.Begin(processor, in instruction, ExitReason.Vmwrite)
            && Operand.Read(ref port, in instruction, 1, out uint value)
            && VmxInstruction.End(processor, "VMWRITE", VmxUnit.Of(processor).Vmwrite(port.Gpr(Operand.Number(instruction.Op0Register)), value));
    }
}
