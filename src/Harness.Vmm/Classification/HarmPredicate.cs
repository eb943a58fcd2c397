using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>One state of a processor as the predicate asks for it: the guest's virtual one, or the real one that a monitor keeps apart from it.</summary>
/// <param name="Registers">At the start of the execution.</param>
/// <param name="Control0">What SMSW shows of CR0.</param>
/// <param name="Find">The descriptor of a selector in the tables of this state; null: beyond their limits, or not mapped.</param>
internal readonly record struct ExecutionState(GuestRegisters Registers, uint Control0, Func<ushort, Descriptor?> Find);

/// <summary>
/// When an execution without a trap is harmful: the components of M and R that its instruction was classified to depend on, or to change, make another result of
/// the guest's virtual state than of the processor's real one. There is a rule for each form that is sensitive and not privileged, but for those that lead to the
/// monitor through its own IDT or MSRs (INT n, INT1, INT3, INTO, SYSENTER). A rule compares what the manual makes of both states, and knows of no monitor.
/// </summary>
internal static class HarmPredicate
{
    private const uint InterruptFlags = Eflags.IF | Eflags.IOPL;

    /// <summary>PUSHFD shows all of EFLAGS but these (SDM Vol. 2B, PUSHF).</summary>
    private const uint NotPushed = Eflags.VM | Eflags.RF;
    private const uint RightsShown = 0x00FFFF00;

    /// <summary>Whether there is a rule for the form.</summary>
    public static bool Covers(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw => true,
        Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Iret or Mnemonic.Iretd or Mnemonic.Retf => true,
        Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw => true,
        Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss => true,
        Mnemonic.Push => IsCodeOrStack(instruction.Op0Register),
        Mnemonic.Pop => instruction.Op0Register.IsSegmentRegister(),
        Mnemonic.Mov => instruction.Op0Register.IsSegmentRegister() || (instruction.Op1Kind == OpKind.Register && IsCodeOrStack(instruction.Op1Register)),
        _ => IsFar(instruction),
    };

    /// <summary>
    /// The component that makes the execution harmful, or null. <paramref name="loaded"/>: the selector that a segment load or a far transfer has read;
    /// <paramref name="image"/>: EFLAGS as POPF or IRET has.
    /// </summary>
    public static string? Component(in Instruction instruction, in ExecutionState guest, in ExecutionState real, ushort loaded, uint image)
    {
        GuestRegisters v = guest.Registers;
        GuestRegisters r = real.Registers;
        uint low = IsWord(instruction) ? 0xFFFF : uint.MaxValue;
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Sgdt:
                return (v.GdtrBase, v.GdtrLimit) == (r.GdtrBase, r.GdtrLimit) ? null : "gdtr";
            case Mnemonic.Sidt:
                return (v.IdtrBase, v.IdtrLimit) == (r.IdtrBase, r.IdtrLimit) ? null : "idtr";
            case Mnemonic.Sldt:
                return v.Ldtr == r.Ldtr ? null : "ldtr";
            case Mnemonic.Str:
                return v.Tr == r.Tr ? null : "tr";
            case Mnemonic.Smsw:
                return ((guest.Control0 ^ real.Control0) & low) == 0 ? null : "cr0";
            case Mnemonic.Pushf or Mnemonic.Pushfd:
                return ((v.SystemFlags ^ r.SystemFlags) & ~NotPushed & low) == 0 ? null : "eflags";
            case Mnemonic.Popf or Mnemonic.Popfd:
                return Flags(v, r, image);
            case Mnemonic.Iret or Mnemonic.Iretd:
                return Flags(v, r, image) ?? (ReturnsInto(guest, loaded) == ReturnsInto(real, loaded) ? null : "cs");
            case Mnemonic.Retf:
                return ReturnsInto(guest, loaded) == ReturnsInto(real, loaded) ? null : "cs";
            case Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw:
                return Shown(instruction.Mnemonic, guest, loaded, low) == Shown(instruction.Mnemonic, real, loaded, low) ? null : "descriptor";
            case Mnemonic.Push:
                return PushedSelector(instruction.Op0Register, v, r);
            case Mnemonic.Mov when !instruction.Op0Register.IsSegmentRegister():
                return PushedSelector(instruction.Op1Register, v, r);
            case Mnemonic.Call:
                return PushedSelector(Register.CS, v, r) ?? Transfer(guest, real, loaded);
            case Mnemonic.Jmp:
                return Transfer(guest, real, loaded);
            default:
                bool stack = instruction.Op0Register == Register.SS || instruction.Mnemonic == Mnemonic.Lss;
                return Loads(guest, loaded, stack) == Loads(real, loaded, stack) ? null : "descriptor";
        }
    }

    /// <summary>Bits that the image changes in one state and leaves alone in the other (SDM Vol. 2B, POPF; Vol. 2A, IRET).</summary>
    private static string? Flags(in GuestRegisters v, in GuestRegisters r, uint image) =>
        ((image ^ v.SystemFlags) & (Writable(v) ^ Writable(r))) switch
        {
            0 => null,
            var bits => (bits & Eflags.IF) != 0 ? "eflags.IF" : "eflags.IOPL",
        };

    private static uint Writable(in GuestRegisters registers)
    {
        uint iopl = (registers.SystemFlags & Eflags.IOPL) >> Eflags.IoplShift;
        return registers.Cpl == 0 && (registers.SystemFlags & Eflags.VM) == 0 ? InterruptFlags : registers.Cpl <= iopl ? Eflags.IF : 0;
    }

    private static string? PushedSelector(Register register, in GuestRegisters v, in GuestRegisters r) =>
        (register == Register.CS ? v.Cs == r.Cs : v.Ss == r.Ss) ? null : register == Register.CS ? "cs" : "ss";

    /// <summary>What LAR, LSL, VERR and VERW may learn (SDM Vol. 3A, 5.10); null: nothing.</summary>
    private static uint? Shown(Mnemonic mnemonic, in ExecutionState state, ushort selector, uint low)
    {
        uint types = mnemonic switch { Mnemonic.Lar => DescriptorQuery.LarTypes, Mnemonic.Lsl => DescriptorQuery.LslTypes, _ => 0 };
        if (state.Find(selector) is not { } d || !(d.IsCodeOrData || (types >> (int)d.Type & 1) != 0) || !Visible(state, selector, d))
        {
            return null;
        }

        return mnemonic switch
        {
            Mnemonic.Lar => d.High & RightsShown & low,
            Mnemonic.Lsl => d.Limit & low,
            Mnemonic.Verr => d.IsReadable ? 1u : null,
            _ => d.IsWritableData ? 1u : null,
        };
    }

    private static bool Visible(in ExecutionState state, ushort selector, Descriptor d) =>
        d.IsConforming || d.Dpl >= Math.Max(state.Registers.Cpl, Selector.Rpl(selector));

    /// <summary>Whether a data or stack segment can be loaded (SDM Vol. 3A, 5.6, 5.7).</summary>
    private static bool Loads(in ExecutionState state, ushort selector, bool stack)
    {
        if (Selector.IsNull(selector))
        {
            return !stack;
        }

        int cpl = state.Registers.Cpl;
        return state.Find(selector) is { IsCodeOrData: true, IsPresent: true } d
            && (stack ? d.IsWritableData && d.Dpl == cpl && Selector.Rpl(selector) == cpl : d.IsReadable && Visible(state, selector, d));
    }

    /// <summary>Whether a jump or call goes straight into a code segment (SDM Vol. 3A, 5.8.1); to a gate it does in both states or traps in one.</summary>
    private static string? Transfer(in ExecutionState guest, in ExecutionState real, ushort selector) => Enters(guest, selector) == Enters(real, selector) ? null : "descriptor";

    private static bool Enters(in ExecutionState state, ushort selector) =>
        state.Find(selector) is { IsCode: true, IsPresent: true } d
        && (d.IsConforming ? d.Dpl <= state.Registers.Cpl : d.Dpl == state.Registers.Cpl && Selector.Rpl(selector) <= state.Registers.Cpl);

    /// <summary>Whether a far return goes through, and whether it takes a stack with it (SDM Vol. 3A, 5.8.6).</summary>
    private static (bool Passes, bool Outward) ReturnsInto(in ExecutionState state, ushort selector)
    {
        int rpl = Selector.Rpl(selector);
        bool passes = rpl >= state.Registers.Cpl && state.Find(selector) is { IsCode: true, IsPresent: true } d && (d.IsConforming ? d.Dpl <= rpl : d.Dpl == rpl);
        return (passes, passes && rpl > state.Registers.Cpl);
    }

    private static bool IsCodeOrStack(Register register) => register is Register.CS or Register.SS;

    private static bool IsFar(in Instruction instruction) =>
        instruction.IsCallFar || instruction.IsCallFarIndirect || instruction.IsJmpFar || instruction.IsJmpFarIndirect;

    /// <summary>The form shows or pops 16 bits.</summary>
    private static bool IsWord(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Pushf => true,
        Mnemonic.Smsw => instruction.Op0Kind != OpKind.Register || instruction.Op0Register.IsGPR16(),
        _ => instruction.Op0Register.IsGPR16(),
    };
}
