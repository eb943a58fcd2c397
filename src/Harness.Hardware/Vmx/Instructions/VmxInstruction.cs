namespace Harness.Hardware.Vmx.Instructions;

/// <summary>What the rows of VMX instructions share: who may execute them, their operands, and how they end.</summary>
internal static class VmxInstruction
{
    /// <summary>#UD outside VMX operation, an exit in non-root operation, #GP(0) outside CPL 0. False: one of them is recorded.</summary>
    public static bool Begin(Processor processor, in Instruction instruction, ExitReason reason)
    {
        VmxUnit unit = VmxUnit.Of(processor);
        if (unit.IsUndefined)
        {
            return processor.Port.Fault(Vector.UD);
        }

        if (processor.IsGuest)
        {
            return unit.ExitFromInstruction(reason, in instruction);
        }

        return processor.State.Cpl == 0 || processor.Port.Fault(Vector.GP);
    }

    /// <summary>The 64-bit physical address that the operand in memory holds.</summary>
    public static bool ReadAddress(Processor processor, in Instruction instruction, out ulong address)
    {
        MachinePort port = processor.Port;
        uint offset = port.EffectiveAddress(in instruction, out SegmentName segment);
        return port.Read(segment, offset, out address);
    }

    /// <summary>Flags by the outcome; always true.</summary>
    public static bool End(Processor processor, string name, VmxResult result)
    {
        VmxUnit.Report(VmxUnit.Of(processor), name, result);
        processor.Flags = (processor.Flags & ~Eflags.Status) | result.Flags;
        return true;
    }

    /// <summary>VMLAUNCH and VMRESUME: a success has replaced the state, and the instruction counts as retired.</summary>
    public static bool EndEntry(Processor processor, string name, VmxResult result)
    {
        if (!result.Succeeded)
        {
            return End(processor, name, result);
        }

        processor.Ticks++;
        return processor.StateReplaced();
    }
}
