using Harness.Isa;
using Harness.Machine;

namespace Harness.Fuzz;

/// <summary>What must hold of the state between any two instructions.</summary>
internal static class Invariants
{
    /// <summary>Null, or what is wrong.</summary>
    public static unsafe string? Violation(Processor processor)
    {
        ref CpuState state = ref processor.State;
        uint flags = processor.Flags;
        bool protectedMode = (state.System.Cr0 & Cr0.PE) != 0;
        bool virtual8086 = (flags & Eflags.VM) != 0;
        if ((flags & Eflags.Fixed) == 0 || (flags & ~(DefinedFlags(processor.Model) | Eflags.Fixed)) != 0)
        {
            return $"reserved bits of EFLAGS {flags:X8}";
        }

        if ((state.System.Cr0 & (Cr0.PG | Cr0.PE)) == Cr0.PG)
        {
            return "paging without protection";
        }

        if (state.System.Dr7 != ((state.System.Dr7 & 0xFFFF2BFF) | DebugBits.Dr7Fixed) || (state.System.Dr6 & DebugBits.Dr6Fixed) != DebugBits.Dr6Fixed)
        {
            return $"fixed bits of DR6 {state.System.Dr6:X8} or DR7 {state.System.Dr7:X8}";
        }

        if (virtual8086 ? !protectedMode || state.Cpl != 3 : !protectedMode && state.Cpl != 0)
        {
            return $"CPL {state.Cpl} with CR0 {state.System.Cr0:X8}, EFLAGS {flags:X8}";
        }

        for (int i = 0; i < CpuState.ZeroRegister; i++)
        {
            if (state.Registers[i] >> 32 != 0)
            {
                return $"upper half of register {i}";
            }
        }

        return state.Registers[CpuState.ZeroRegister] != 0 ? "the register that is zero" : SegmentViolation(processor, protectedMode, virtual8086);
    }

    private static string? SegmentViolation(Processor processor, bool protectedMode, bool virtual8086)
    {
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            SegmentRegister segment = processor.Segment(name);
            SegmentRegister derived = segment;
            derived.Derive();
            if (derived.ReadEnd != segment.ReadEnd || derived.WriteEnd != segment.WriteEnd)
            {
                return $"{name}: derived limits";
            }

            if (virtual8086 && (segment.Base != (uint)segment.Selector << 4 || segment.Limit != 0xFFFF || segment.Dpl != 3))
            {
                return $"{name} in virtual-8086 mode: base {segment.Base:X8}, limit {segment.Limit:X8}, rights {segment.Rights:X}";
            }
        }

        SegmentRegister stack = processor.Segment(SegmentName.SS);
        if (protectedMode && stack.IsUsable && stack.Dpl != processor.State.Cpl)
        {
            return $"SS has DPL {stack.Dpl} at CPL {processor.State.Cpl}";
        }

        return null;
    }

    private static uint DefinedFlags(ProcessorModel model) =>
        Eflags.Defined & ~((model.Has(Feature.I486) ? 0 : Eflags.AC) | (model.Has(Feature.Cpuid) ? 0 : Eflags.ID) | (model.Has(Feature.Vme) ? 0 : Eflags.VIF | Eflags.VIP));
}
