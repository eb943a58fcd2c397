namespace Harness.Hardware.Vmx;

/// <summary>Basic exit reasons that a processor without secondary controls has (SDM Vol. 3D, Table C-1).</summary>
public enum ExitReason : uint
{
    ExceptionOrNmi = 0,
    ExternalInterrupt = 1,
    TripleFault = 2,
    InterruptWindow = 7,
    TaskSwitch = 9,
    Cpuid = 10,
    Hlt = 12,
    Invd = 13,
    Invlpg = 14,
    Rdpmc = 15,
    Rdtsc = 16,
    Vmcall = 18,
    Vmclear = 19,
    Vmlaunch = 20,
    Vmptrld = 21,
    Vmptrst = 22,
    Vmread = 23,
    Vmresume = 24,
    Vmwrite = 25,
    Vmxoff = 26,
    Vmxon = 27,
    ControlRegisterAccess = 28,
    MovDr = 29,
    IoInstruction = 30,
    Rdmsr = 31,
    Wrmsr = 32,
    InvalidGuestState = 33,
    MsrLoading = 34,
    Pause = 40,
}

/// <summary>Names of exit reasons as the manual's table gives them.</summary>
public static class ExitReasons
{
    /// <summary>Bit 31 of the exit-reason field: the VM entry failed.</summary>
    public const uint EntryFailure = 1u << 31;

    public static string Name(ExitReason reason) => reason switch
    {
        ExitReason.ExceptionOrNmi => "exception or NMI",
        ExitReason.ExternalInterrupt => "external interrupt",
        ExitReason.TripleFault => "triple fault",
        ExitReason.InterruptWindow => "interrupt window",
        ExitReason.TaskSwitch => "task switch",
        ExitReason.ControlRegisterAccess => "control-register access",
        ExitReason.MovDr => "MOV DR",
        ExitReason.IoInstruction => "I/O instruction",
        ExitReason.InvalidGuestState => "VM-entry failure: invalid guest state",
        ExitReason.MsrLoading => "VM-entry failure: MSR loading",
        _ => reason.ToString().ToUpperInvariant(),
    };
}

/// <summary>VM-instruction errors (SDM Vol. 3C, 30.4).</summary>
public enum VmInstructionError : uint
{
    VmcallInRoot = 1,
    VmclearInvalidAddress = 2,
    VmclearVmxonPointer = 3,
    VmlaunchNonClear = 4,
    VmresumeNonLaunched = 5,
    EntryInvalidControls = 7,
    EntryInvalidHostState = 8,
    VmptrldInvalidAddress = 9,
    VmptrldVmxonPointer = 10,
    VmptrldIncorrectRevision = 11,
    UnsupportedField = 12,
    VmwriteReadOnly = 13,
    VmxonInRoot = 15,
    EntryBlockedByMovSs = 26,
}
