namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMREAD: a field of the current VMCS, its encoding in the second operand.</summary>
[Encodings(Code.Vmread_rm32_r32)]
public readonly struct Vmread : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        MachinePort port = processor.Port;
        if (!VmxInstruction.Begin(processor, in instruction, ExitReason.Vmread))
        {
            return false;
        }

        VmxResult result = VmxUnit.Of(processor).Vmread(port.Gpr(Operand.Number(instruction.Op1Register)), out uint value);
        return (!result.Succeeded || Operand.Write(ref port, in instruction, 0, value)) && VmxInstruction.End(processor, "VMREAD", result);
    }
}
