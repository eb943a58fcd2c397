namespace Harness.Hardware.Vmx;

/// <summary>Width of a VMCS field, as bits 14:13 of its encoding; natural width is 32 bits on processors without 64-bit mode.</summary>
public enum VmcsWidth
{
    Bits16,
    Bits64,
    Bits32,
    Natural,
}

/// <summary>Type of a VMCS field, as bits 11:10 of its encoding.</summary>
public enum VmcsType
{
    Control,
    ReadOnly,
    Guest,
    Host,
}

/// <summary>The logical groups of VMCS data (SDM Vol. 3C, 24.3).</summary>
public enum VmcsGroup
{
    GuestState,
    HostState,
    ExecutionControls,
    ExitControls,
    EntryControls,
    ExitInformation,
}

/// <summary>A VMCS field: its name in the manual, and the offset in bytes of its data in the VMCS region, which is this project's own choice.</summary>
public sealed record VmcsFieldRow(VmcsField Field, string Name, int Offset)
{
    public VmcsWidth Width { get; } = (VmcsWidth)((uint)Field >> 13 & 3);

    public VmcsType Type { get; } = (VmcsType)((uint)Field >> 10 & 3);

    public VmcsGroup Group => (Type, Field) switch
    {
        (VmcsType.Guest, _) => VmcsGroup.GuestState,
        (VmcsType.Host, _) => VmcsGroup.HostState,
        (VmcsType.ReadOnly, _) => VmcsGroup.ExitInformation,
        (_, VmcsField.ExitControls or VmcsField.ExitMsrStoreCount or VmcsField.ExitMsrStoreAddress
            or VmcsField.ExitMsrLoadCount or VmcsField.ExitMsrLoadAddress) => VmcsGroup.ExitControls,
        (_, VmcsField.EntryMsrLoadAddress or (>= VmcsField.EntryControls and <= VmcsField.EntryInstructionLength)) => VmcsGroup.EntryControls,
        _ => VmcsGroup.ExecutionControls,
    };

    /// <summary>Bytes: 2, 4 or 8.</summary>
    public int Size { get; } = (VmcsWidth)((uint)Field >> 13 & 3) switch { VmcsWidth.Bits16 => 2, VmcsWidth.Bits64 => 8, _ => 4 };
}

/// <summary>
/// The fields of a VMCS in the order of their encodings. In the region they follow the header (revision identifier, VMX-abort indicator, launch state) in
/// the same order without gaps, little-endian (SDM Vol. 3C, 24.2, leaves the format to the processor).
/// </summary>
public static class VmcsFields
{
    /// <summary>Offset of the first field; the header lies before it.</summary>
    public const int Start = 12;

    private static readonly VmcsFieldRow?[] ByEncoding = new VmcsFieldRow?[0x8000];

    public static IReadOnlyList<VmcsFieldRow> Rows { get; } = Lay(
    [
        // 16-bit guest-state fields
        (VmcsField.GuestEsSelector, "Guest ES selector"),
        (VmcsField.GuestCsSelector, "Guest CS selector"),
        (VmcsField.GuestSsSelector, "Guest SS selector"),
        (VmcsField.GuestDsSelector, "Guest DS selector"),
        (VmcsField.GuestFsSelector, "Guest FS selector"),
        (VmcsField.GuestGsSelector, "Guest GS selector"),
        (VmcsField.GuestLdtrSelector, "Guest LDTR selector"),
        (VmcsField.GuestTrSelector, "Guest TR selector"),
        // 16-bit host-state fields
        (VmcsField.HostEsSelector, "Host ES selector"),
        (VmcsField.HostCsSelector, "Host CS selector"),
        (VmcsField.HostSsSelector, "Host SS selector"),
        (VmcsField.HostDsSelector, "Host DS selector"),
        (VmcsField.HostFsSelector, "Host FS selector"),
        (VmcsField.HostGsSelector, "Host GS selector"),
        (VmcsField.HostTrSelector, "Host TR selector"),
        // 64-bit control fields
        (VmcsField.IoBitmapA, "Address of I/O bitmap A"),
        (VmcsField.IoBitmapB, "Address of I/O bitmap B"),
        (VmcsField.MsrBitmaps, "Address of MSR bitmaps"),
        (VmcsField.ExitMsrStoreAddress, "VM-exit MSR-store address"),
        (VmcsField.ExitMsrLoadAddress, "VM-exit MSR-load address"),
        (VmcsField.EntryMsrLoadAddress, "VM-entry MSR-load address"),
        (VmcsField.ExecutiveVmcsPointer, "Executive-VMCS pointer"),
        (VmcsField.TscOffset, "TSC offset"),
        // 64-bit guest-state fields
        (VmcsField.VmcsLinkPointer, "VMCS link pointer"),
        (VmcsField.GuestIa32Debugctl, "Guest IA32_DEBUGCTL"),
        // 32-bit control fields
        (VmcsField.PinBasedControls, "Pin-based VM-execution controls"),
        (VmcsField.ProcessorBasedControls, "Primary processor-based VM-execution controls"),
        (VmcsField.ExceptionBitmap, "Exception bitmap"),
        (VmcsField.PageFaultErrorCodeMask, "Page-fault error-code mask"),
        (VmcsField.PageFaultErrorCodeMatch, "Page-fault error-code match"),
        (VmcsField.Cr3TargetCount, "CR3-target count"),
        (VmcsField.ExitControls, "VM-exit controls"),
        (VmcsField.ExitMsrStoreCount, "VM-exit MSR-store count"),
        (VmcsField.ExitMsrLoadCount, "VM-exit MSR-load count"),
        (VmcsField.EntryControls, "VM-entry controls"),
        (VmcsField.EntryMsrLoadCount, "VM-entry MSR-load count"),
        (VmcsField.EntryInterruptionInformation, "VM-entry interruption-information field"),
        (VmcsField.EntryExceptionErrorCode, "VM-entry exception error code"),
        (VmcsField.EntryInstructionLength, "VM-entry instruction length"),
        // 32-bit read-only data fields
        (VmcsField.InstructionError, "VM-instruction error"),
        (VmcsField.ExitReason, "Exit reason"),
        (VmcsField.ExitInterruptionInformation, "VM-exit interruption information"),
        (VmcsField.ExitInterruptionErrorCode, "VM-exit interruption error code"),
        (VmcsField.IdtVectoringInformation, "IDT-vectoring information field"),
        (VmcsField.IdtVectoringErrorCode, "IDT-vectoring error code"),
        (VmcsField.ExitInstructionLength, "VM-exit instruction length"),
        (VmcsField.ExitInstructionInformation, "VM-exit instruction information"),
        // 32-bit guest-state fields
        (VmcsField.GuestEsLimit, "Guest ES limit"),
        (VmcsField.GuestCsLimit, "Guest CS limit"),
        (VmcsField.GuestSsLimit, "Guest SS limit"),
        (VmcsField.GuestDsLimit, "Guest DS limit"),
        (VmcsField.GuestFsLimit, "Guest FS limit"),
        (VmcsField.GuestGsLimit, "Guest GS limit"),
        (VmcsField.GuestLdtrLimit, "Guest LDTR limit"),
        (VmcsField.GuestTrLimit, "Guest TR limit"),
        (VmcsField.GuestGdtrLimit, "Guest GDTR limit"),
        (VmcsField.GuestIdtrLimit, "Guest IDTR limit"),
        (VmcsField.GuestEsAccessRights, "Guest ES access rights"),
        (VmcsField.GuestCsAccessRights, "Guest CS access rights"),
        (VmcsField.GuestSsAccessRights, "Guest SS access rights"),
        (VmcsField.GuestDsAccessRights, "Guest DS access rights"),
        (VmcsField.GuestFsAccessRights, "Guest FS access rights"),
        (VmcsField.GuestGsAccessRights, "Guest GS access rights"),
        (VmcsField.GuestLdtrAccessRights, "Guest LDTR access rights"),
        (VmcsField.GuestTrAccessRights, "Guest TR access rights"),
        (VmcsField.GuestInterruptibility, "Guest interruptibility state"),
        (VmcsField.GuestActivity, "Guest activity state"),
        (VmcsField.GuestSmbase, "Guest SMBASE"),
        (VmcsField.GuestIa32SysenterCs, "Guest IA32_SYSENTER_CS"),
        // 32-bit host-state field
        (VmcsField.HostIa32SysenterCs, "Host IA32_SYSENTER_CS"),
        // Natural-width control fields
        (VmcsField.Cr0GuestHostMask, "CR0 guest/host mask"),
        (VmcsField.Cr4GuestHostMask, "CR4 guest/host mask"),
        (VmcsField.Cr0ReadShadow, "CR0 read shadow"),
        (VmcsField.Cr4ReadShadow, "CR4 read shadow"),
        (VmcsField.Cr3TargetValue0, "CR3-target value 0"),
        (VmcsField.Cr3TargetValue1, "CR3-target value 1"),
        (VmcsField.Cr3TargetValue2, "CR3-target value 2"),
        (VmcsField.Cr3TargetValue3, "CR3-target value 3"),
        // Natural-width read-only data fields
        (VmcsField.ExitQualification, "Exit qualification"),
        (VmcsField.IoRcx, "I/O RCX"),
        (VmcsField.IoRsi, "I/O RSI"),
        (VmcsField.IoRdi, "I/O RDI"),
        (VmcsField.IoRip, "I/O RIP"),
        (VmcsField.GuestLinearAddress, "Guest-linear address"),
        // Natural-width guest-state fields
        (VmcsField.GuestCr0, "Guest CR0"),
        (VmcsField.GuestCr3, "Guest CR3"),
        (VmcsField.GuestCr4, "Guest CR4"),
        (VmcsField.GuestEsBase, "Guest ES base"),
        (VmcsField.GuestCsBase, "Guest CS base"),
        (VmcsField.GuestSsBase, "Guest SS base"),
        (VmcsField.GuestDsBase, "Guest DS base"),
        (VmcsField.GuestFsBase, "Guest FS base"),
        (VmcsField.GuestGsBase, "Guest GS base"),
        (VmcsField.GuestLdtrBase, "Guest LDTR base"),
        (VmcsField.GuestTrBase, "Guest TR base"),
        (VmcsField.GuestGdtrBase, "Guest GDTR base"),
        (VmcsField.GuestIdtrBase, "Guest IDTR base"),
        (VmcsField.GuestDr7, "Guest DR7"),
        (VmcsField.GuestRsp, "Guest RSP"),
        (VmcsField.GuestRip, "Guest RIP"),
        (VmcsField.GuestRflags, "Guest RFLAGS"),
        (VmcsField.GuestPendingDebugExceptions, "Guest pending debug exceptions"),
        (VmcsField.GuestIa32SysenterEsp, "Guest IA32_SYSENTER_ESP"),
        (VmcsField.GuestIa32SysenterEip, "Guest IA32_SYSENTER_EIP"),
        // Natural-width host-state fields
        (VmcsField.HostCr0, "Host CR0"),
        (VmcsField.HostCr3, "Host CR3"),
        (VmcsField.HostCr4, "Host CR4"),
        (VmcsField.HostFsBase, "Host FS base"),
        (VmcsField.HostGsBase, "Host GS base"),
        (VmcsField.HostTrBase, "Host TR base"),
        (VmcsField.HostGdtrBase, "Host GDTR base"),
        (VmcsField.HostIdtrBase, "Host IDTR base"),
        (VmcsField.HostIa32SysenterEsp, "Host IA32_SYSENTER_ESP"),
        (VmcsField.HostIa32SysenterEip, "Host IA32_SYSENTER_EIP"),
        (VmcsField.HostRsp, "Host RSP"),
        (VmcsField.HostRip, "Host RIP"),
    ]);

    /// <summary>Bytes that the header and all fields take.</summary>
    public static int End => Rows[^1].Offset + Rows[^1].Size;

    /// <summary>The field with this encoding, or null. Bit 0 asks for the high half of a 64-bit field and leads to the same row.</summary>
    public static VmcsFieldRow? Find(uint encoding)
    {
        VmcsFieldRow? row = encoding < ByEncoding.Length ? ByEncoding[encoding & ~1u] : null;
        return (encoding & 1) == 0 || row?.Width == VmcsWidth.Bits64 ? row : null;
    }

    public static VmcsFieldRow Row(VmcsField field) => ByEncoding[(int)field]!;

    private static VmcsFieldRow[] Lay((VmcsField Field, string Name)[] fields)
    {
        var rows = new VmcsFieldRow[fields.Length];
        int offset = Start;
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = new VmcsFieldRow(fields[i].Field, fields[i].Name, offset);
            ByEncoding[(int)fields[i].Field] = rows[i];
            offset += rows[i].Size;
        }

        return rows;
    }
}
