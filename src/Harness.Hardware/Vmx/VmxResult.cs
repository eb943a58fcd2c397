namespace Harness.Hardware.Vmx;

/// <summary>How a VMX instruction reports its outcome (SDM Vol. 3C, 30.2).</summary>
public enum VmxOutcome
{
    Succeed,

    /// <summary>CF: there is no current VMCS that could hold an error number.</summary>
    FailInvalid,

    /// <summary>ZF, with an error number in the current VMCS.</summary>
    FailValid,
}

/// <summary>Outcome of a VMX instruction; <see cref="Error"/> counts only with <see cref="VmxOutcome.FailValid"/>.</summary>
public readonly record struct VmxResult(VmxOutcome Outcome, VmInstructionError Error)
{
    public static VmxResult Succeed => new(VmxOutcome.Succeed, 0);

    public static VmxResult FailInvalid => new(VmxOutcome.FailInvalid, 0);

    public bool Succeeded => Outcome == VmxOutcome.Succeed;

    /// <summary>The status flags that the instruction leaves; the other four are 0.</summary>
    public uint Flags => Outcome switch { VmxOutcome.FailInvalid => Eflags.CF, VmxOutcome.FailValid => Eflags.ZF, _ => 0 };
}
