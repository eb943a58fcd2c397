namespace Harness.Hardware.Vmx.Checks;

/// <summary>Checks on VMX controls (SDM Vol. 3C, 26.2.1).</summary>
internal static class ControlChecks
{
    private const string Execution = "26.2.1.1";
    private const string Exit = "26.2.1.2";
    private const string Entry = "26.2.1.3";
    private const int MaximumInstructionLength = 15;

    public static readonly EntryCheck[] Rows =
    [
        new(Execution, "pin-based controls keep their reserved bits", c => VmxCapabilities.Allows(c.Capabilities.PinBased, c.Vmcs.Low(VmcsField.PinBasedControls))),
        new(Execution, "processor-based controls keep their reserved bits", c =>
            VmxCapabilities.Allows(c.Capabilities.ProcessorBased, c.Vmcs.Low(VmcsField.ProcessorBasedControls))),
        new(Execution, "the CR3-target count is one that the processor has", c => c.Vmcs.Low(VmcsField.Cr3TargetCount) <= c.Capabilities.Cr3Targets),
        new(Execution, "I/O bitmap A is a page", c => !c.HasProcessorControl(ProcessorControls.UseIoBitmaps) || c.IsPageAddress(VmcsField.IoBitmapA)),
        new(Execution, "I/O bitmap B is a page", c => !c.HasProcessorControl(ProcessorControls.UseIoBitmaps) || c.IsPageAddress(VmcsField.IoBitmapB)),
        new(Execution, "the MSR bitmaps are a page", c => !c.HasProcessorControl(ProcessorControls.UseMsrBitmaps) || c.IsPageAddress(VmcsField.MsrBitmaps)),
        new(Exit, "VM-exit controls keep their reserved bits", c => VmxCapabilities.Allows(c.Capabilities.Exit, c.Vmcs.Low(VmcsField.ExitControls))),
        new(Exit, "the VM-exit MSR-store list lies in memory", c => IsList(c, VmcsField.ExitMsrStoreCount, VmcsField.ExitMsrStoreAddress)),
        new(Exit, "the VM-exit MSR-load list lies in memory", c => IsList(c, VmcsField.ExitMsrLoadCount, VmcsField.ExitMsrLoadAddress)),
        new(Entry, "VM-entry controls keep their reserved bits", c => VmxCapabilities.Allows(c.Capabilities.Entry, c.Vmcs.Low(VmcsField.EntryControls))),
        new(Entry, "the injected event has a type that the processor has", c =>
            c.InjectionType is not (InterruptionInformation.Reserved or InterruptionInformation.Other)),
        new(Entry, "the vector fits the type", HasFittingVector),
        new(Entry, "an error code is delivered where the vector has one, and only there", HasFittingErrorCode),
        new(Entry, "reserved bits of the interruption information are 0", c => c.Injection is not { } i || (i & InterruptionInformation.EntryReserved) == 0),
        new(Entry, "reserved bits of the error code are 0", c => c.Injection is not { } i || (i & InterruptionInformation.HasErrorCode) == 0
            || !c.Has(VmcsField.EntryExceptionErrorCode, InterruptionInformation.ErrorCodeReserved)),
        new(Entry, "a software event has an instruction length of 1 to 15", c => c.Injection is not { } i || !InterruptionInformation.IsSoftware(i)
            || c.Vmcs.Low(VmcsField.EntryInstructionLength) is >= 1 and <= MaximumInstructionLength),
        new(Entry, "the VM-entry MSR-load list lies in memory", c => IsList(c, VmcsField.EntryMsrLoadCount, VmcsField.EntryMsrLoadAddress)),
    ];

    private static bool IsList(EntryContext c, VmcsField count, VmcsField address)
    {
        ulong length = c.Vmcs[count] * 16;
        ulong start = c.Vmcs[address];
        return length == 0 || ((start & 0xF) == 0 && c.Capabilities.IsPhysical(start) && c.Capabilities.IsPhysical(start + length - 1));
    }

    private static bool HasFittingVector(EntryContext c)
    {
        uint vector = c.Injection.GetValueOrDefault() & InterruptionInformation.VectorMask;
        return c.InjectionType switch
        {
            InterruptionInformation.Nmi => vector == (uint)Vector.NMI,
            InterruptionInformation.HardwareException => vector < 32,
            _ => true,
        };
    }

    private static bool HasFittingErrorCode(EntryContext c)
    {
        if (c.Injection is not { } information)
        {
            return true;
        }

        bool expected = c.InjectionType == InterruptionInformation.HardwareException
            && Vectors.HasErrorCode((Vector)(information & InterruptionInformation.VectorMask));
        return (information & InterruptionInformation.HasErrorCode) != 0 == expected;
    }
}
