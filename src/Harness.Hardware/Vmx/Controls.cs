namespace Harness.Hardware.Vmx;

/// <summary>Pin-based VM-execution controls (SDM Vol. 3C, Table 24-5).</summary>
public static class PinControls
{
    public const uint ExternalInterruptExiting = 1u << 0;
    public const uint NmiExiting = 1u << 3;
}

/// <summary>Primary processor-based VM-execution controls (SDM Vol. 3C, Table 24-6).</summary>
public static class ProcessorControls
{
    public const uint InterruptWindowExiting = 1u << 2;
    public const uint UseTscOffsetting = 1u << 3;
    public const uint HltExiting = 1u << 7;
    public const uint InvlpgExiting = 1u << 9;
    public const uint RdpmcExiting = 1u << 11;
    public const uint RdtscExiting = 1u << 12;
    public const uint Cr3LoadExiting = 1u << 15;
    public const uint Cr3StoreExiting = 1u << 16;
    public const uint MovDrExiting = 1u << 23;
    public const uint UnconditionalIoExiting = 1u << 24;
    public const uint UseIoBitmaps = 1u << 25;
    public const uint UseMsrBitmaps = 1u << 28;
    public const uint PauseExiting = 1u << 30;
}

/// <summary>VM-exit controls (SDM Vol. 3C, Table 24-10).</summary>
public static class ExitControls
{
    public const uint SaveDebugControls = 1u << 2;
    public const uint AcknowledgeInterruptOnExit = 1u << 15;
}

/// <summary>VM-entry controls (SDM Vol. 3C, Table 24-12).</summary>
public static class EntryControls
{
    public const uint LoadDebugControls = 1u << 2;
}

/// <summary>
/// The interruption-information fields of VM entries, of VM exits and of IDT vectoring (SDM Vol. 3C, Tables 24-13, 24-15, 24-16): vector 7:0, type 10:8.
/// </summary>
public static class InterruptionInformation
{
    public const uint VectorMask = 0xFF;
    public const int TypeShift = 8;
    public const uint TypeMask = 7;
    public const uint ExternalInterrupt = 0;
    public const uint Reserved = 1;
    public const uint Nmi = 2;
    public const uint HardwareException = 3;
    public const uint SoftwareInterrupt = 4;
    public const uint PrivilegedSoftwareException = 5;
    public const uint SoftwareException = 6;
    public const uint Other = 7;

    /// <summary>An error code is delivered, or was.</summary>
    public const uint HasErrorCode = 1u << 11;
    public const uint Valid = 1u << 31;

    /// <summary>Bits 30:12 of the VM-entry field.</summary>
    public const uint EntryReserved = 0x7FFFF000;

    /// <summary>Bits 14:0 are all that an error code may have in an injected event.</summary>
    public const uint ErrorCodeReserved = 0xFFFF8000;

    public static uint Type(uint information) => information >> TypeShift & TypeMask;

    public static bool IsSoftware(uint information) => Type(information) is SoftwareInterrupt or PrivilegedSoftwareException or SoftwareException;

    /// <summary>A valid field.</summary>
    public static uint Of(byte vector, uint type, bool errorCode) => vector | type << TypeShift | (errorCode ? HasErrorCode : 0) | Valid;

    /// <summary>The field that describes an event in delivery.</summary>
    public static uint Of(EventInDelivery original) => Of(original.Vector, TypeOf(original.Kind), original.ErrorCode.HasValue);

    /// <summary>The type of an event that the processor delivers.</summary>
    public static uint TypeOf(EventKind kind) => kind switch
    {
        EventKind.ExternalInterrupt => ExternalInterrupt,
        EventKind.Nmi => Nmi,
        EventKind.SoftwareInterrupt => SoftwareInterrupt,
        EventKind.PrivilegedSoftwareException => PrivilegedSoftwareException,
        EventKind.SoftwareException => SoftwareException,
        _ => HardwareException,
    };
}

/// <summary>Interruptibility state (SDM Vol. 3C, Table 24-3).</summary>
public static class Interruptibility
{
    public const uint BlockingBySti = 1;
    public const uint BlockingByMovSs = 2;
    public const uint BlockingBySmi = 4;
    public const uint BlockingByNmi = 8;
    public const uint Reserved = ~0xFu;
}

/// <summary>Activity state (SDM Vol. 3C, 24.4.2).</summary>
public static class ActivityState
{
    public const uint Active = 0;
    public const uint Hlt = 1;
    public const uint Shutdown = 2;
    public const uint WaitForSipi = 3;
}

/// <summary>Pending debug exceptions (SDM Vol. 3C, Table 24-4).</summary>
public static class PendingDebug
{
    public const uint Breakpoints = 0xF;
    public const uint EnabledBreakpoint = 1u << 12;
    public const uint BS = 1u << 14;
    public const uint Reserved = ~(Breakpoints | EnabledBreakpoint | BS);
}
