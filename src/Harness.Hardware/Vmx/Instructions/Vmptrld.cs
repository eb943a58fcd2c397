namespace Harness.Hardware.Vmx.Instructions;

/// <summary>VMPTRLD: makes a VMCS current.</summary>
[Encodings(Code.Vmptrld_m64)]
public readonly struct Vmptrld : IMachineInstruction
{
    public static bool Execute(Processor processor, in Instruction instruction)
    {
        return VmxInstruction.Begin(processor, in instruction, ExitReason.Vmptrld)
            && VmxInstruction.ReadAddress(processor, in instruction, out ulong address)
            && VmxInstruction.End(processor, "VMPTRLD", VmxUnit.Of(processor).Vmptrld(address));
    }
}
