namespace Harness.Hardware.Vmx;

/// <summary>What the decision about an instruction in non-root operation rests on; qualifier and value as <see cref="Intercepts"/> says.</summary>
public readonly record struct ExitQuestion(VmcsImage Vmcs, PhysicalMemory Memory, uint Qualifier, uint Value)
{
    public bool Has(uint processorControl) => (Vmcs.Low(VmcsField.ProcessorBasedControls) & processorControl) != 0;
}

/// <summary>Whether an instruction or exception exits (SDM Vol. 3C, 25.1 and 25.2): one row per kind, and null where it goes on.</summary>
public static class ExitPolicy
{
    private const uint MovFrom = 1 << 4;
    private const uint Clts = 2 << 4;
    private const uint Lmsw = 3 << 4;

    /// <summary>What to report about the instruction, or null: it executes.</summary>
    public static ExitInformation? ShouldExitOn(InterceptKind kind, ExitQuestion q) => kind switch
    {
        InterceptKind.Cpuid => new(ExitReason.Cpuid, 0),
        InterceptKind.Hlt => If(q.Has(ProcessorControls.HltExiting), ExitReason.Hlt, 0),
        InterceptKind.Invd => new(ExitReason.Invd, 0),
        InterceptKind.Invlpg => If(q.Has(ProcessorControls.InvlpgExiting), ExitReason.Invlpg, q.Value),
        InterceptKind.Rdpmc => If(q.Has(ProcessorControls.RdpmcExiting), ExitReason.Rdpmc, 0),
        InterceptKind.Rdtsc => If(q.Has(ProcessorControls.RdtscExiting), ExitReason.Rdtsc, 0),
        InterceptKind.Rdmsr => If(ShouldExitOnMsrAccess(q, write: false), ExitReason.Rdmsr, 0),
        InterceptKind.Wrmsr => If(ShouldExitOnMsrAccess(q, write: true), ExitReason.Wrmsr, 0),
        InterceptKind.ControlRead => If(ShouldExitOnControlRead(q), ExitReason.ControlRegisterAccess, q.Qualifier | MovFrom),
        InterceptKind.ControlWrite => If(ShouldExitOnControlWrite(q), ExitReason.ControlRegisterAccess, q.Qualifier),
        InterceptKind.Clts => If(ShouldExitOnClts(q), ExitReason.ControlRegisterAccess, Clts),
        InterceptKind.Lmsw => If(ShouldExitOnLmsw(q), ExitReason.ControlRegisterAccess, Lmsw | q.Qualifier << 6 | q.Value << 16),
        InterceptKind.DebugRegister => If(q.Has(ProcessorControls.MovDrExiting), ExitReason.MovDr, q.Qualifier),
        InterceptKind.Io => If(ShouldExitOnIo(q), ExitReason.IoInstruction, q.Qualifier),
        InterceptKind.Pause => If(q.Has(ProcessorControls.PauseExiting), ExitReason.Pause, 0),
        InterceptKind.TaskSwitch => new(ExitReason.TaskSwitch, q.Qualifier & ~Intercepts.ErrorCodePending),
        InterceptKind.SoftwareInterrupt => ShouldExitOnSoftwareInterrupt(q),

        // MOV from CR0 and CR4 never exits, nor does SMSW: the read shadows answer.
        InterceptKind.Smsw => null,

        // These have controls only among the secondary ones, or exit only in system-management mode or under AMD-V.
        InterceptKind.Wbinvd or InterceptKind.DescriptorTableLoad or InterceptKind.DescriptorTableStore or InterceptKind.Mwait or InterceptKind.Monitor
            or InterceptKind.Rsm or InterceptKind.Iret or InterceptKind.PushFlags or InterceptKind.PopFlags => null,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "an instruction that the exit policy has no row for"),
    };

    /// <summary>The exception bitmap, and for page faults the error-code mask and match (SDM Vol. 3C, 25.2).</summary>
    public static bool ShouldExitOnException(VmcsImage vmcs, Vector vector, uint? errorCode)
    {
        bool wanted = (vmcs.Low(VmcsField.ExceptionBitmap) >> (int)vector & 1) != 0;
        if (vector != Vector.PF)
        {
            return wanted;
        }

        bool matches = (errorCode & vmcs.Low(VmcsField.PageFaultErrorCodeMask)) == vmcs.Low(VmcsField.PageFaultErrorCodeMatch);
        return matches == wanted;
    }

    private static ExitInformation? If(bool exits, ExitReason reason, uint qualification) =>
        exits ? new ExitInformation(reason, qualification) : null;

    private static bool ShouldExitOnControlRead(ExitQuestion q) => (q.Qualifier & 0xF) == 3 && q.Has(ProcessorControls.Cr3StoreExiting);

    private static bool ShouldExitOnControlWrite(ExitQuestion q) => (q.Qualifier & 0xF) switch
    {
        0 => ((q.Value ^ q.Vmcs.Low(VmcsField.Cr0ReadShadow)) & q.Vmcs.Low(VmcsField.Cr0GuestHostMask)) != 0,
        3 => q.Has(ProcessorControls.Cr3LoadExiting) && !IsCr3Target(q.Vmcs, q.Value),
        4 => ((q.Value ^ q.Vmcs.Low(VmcsField.Cr4ReadShadow)) & q.Vmcs.Low(VmcsField.Cr4GuestHostMask)) != 0,
        _ => false,
    };

    private static bool IsCr3Target(VmcsImage vmcs, uint value)
    {
        uint count = vmcs.Low(VmcsField.Cr3TargetCount);
        for (uint i = 0; i < count; i++)
        {
            if (vmcs.Low(VmcsField.Cr3TargetValue0 + (ushort)(2 * i)) == value)
            {
                return true;
            }
        }

        return false;
    }

    private static bool ShouldExitOnClts(ExitQuestion q) =>
        (q.Vmcs.Low(VmcsField.Cr0GuestHostMask) & q.Vmcs.Low(VmcsField.Cr0ReadShadow) & Cr0.TS) != 0;

    /// <summary>PE counts only when the source sets it, for LMSW cannot clear it.</summary>
    private static bool ShouldExitOnLmsw(ExitQuestion q)
    {
        const uint Others = Cr0.MP | Cr0.EM | Cr0.TS;
        uint mask = q.Vmcs.Low(VmcsField.Cr0GuestHostMask);
        uint shadow = q.Vmcs.Low(VmcsField.Cr0ReadShadow);
        return (mask & q.Value & ~shadow & Cr0.PE) != 0 || ((q.Value ^ shadow) & mask & Others) != 0;
    }

    /// <summary>Bitmap A covers ports 0 to 7FFFh, B the others; an access that wraps around the port space always exits.</summary>
    private static bool ShouldExitOnIo(ExitQuestion q)
    {
        if (!q.Has(ProcessorControls.UseIoBitmaps))
        {
            return q.Has(ProcessorControls.UnconditionalIoExiting);
        }

        uint first = q.Qualifier >> 16;
        uint last = first + (q.Qualifier & 7);
        if (last > ushort.MaxValue)
        {
            return true;
        }

        for (uint port = first; port <= last; port++)
        {
            ulong map = q.Vmcs[port < 0x8000 ? VmcsField.IoBitmapA : VmcsField.IoBitmapB];
            if (IsSet(q.Memory, map, port & 0x7FFF))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Four maps of 1 KiB: reads of low and of high MSRs, writes of low and of high ones (SDM Vol. 3C, 24.6.9).</summary>
    private static bool ShouldExitOnMsrAccess(ExitQuestion q, bool write)
    {
        const uint High = 0xC0000000;
        const uint Count = 0x2000;
        bool low = q.Value < Count;
        if (!q.Has(ProcessorControls.UseMsrBitmaps) || (!low && q.Value - High >= Count))
        {
            return true;
        }

        ulong map = q.Vmcs[VmcsField.MsrBitmaps] + (low ? 0u : 0x400u) + (write ? 0x800u : 0u);
        return IsSet(q.Memory, map, low ? q.Value : q.Value - High);
    }

    /// <summary>INT n never exits; INT3, INTO and INT1 do so as exceptions.</summary>
    private static ExitInformation? ShouldExitOnSoftwareInterrupt(ExitQuestion q)
    {
        if (q.Qualifier == InterruptionInformation.SoftwareInterrupt || !ShouldExitOnException(q.Vmcs, (Vector)q.Value, null))
        {
            return null;
        }

        return new ExitInformation(ExitReason.ExceptionOrNmi, 0)
        {
            Interruption = InterruptionInformation.Of((byte)q.Value, q.Qualifier, errorCode: false),
        };
    }

    private static bool IsSet(PhysicalMemory memory, ulong map, uint bit)
    {
        Span<byte> cell = stackalloc byte[1];
        memory.Read(new PhysicalAddress(map + (bit >> 3)), cell);
        return (cell[0] & 1 << (int)(bit & 7)) != 0;
    }
}
