namespace Harness.Isa;

/// <summary>Loads of segment registers with their hidden parts (SDM Vol. 2, MOV, LLDT, LTR; Vol. 3A, 5.6, 5.7).</summary>
public static class SegmentLoad
{
    /// <summary>Limit of every segment in virtual-8086 mode.</summary>
    public const uint RealLimit = 0xFFFF;
    private const uint Virtual8086Data = AccessRights.RealModeData | AccessRights.DplMask;

    /// <summary>ES, SS, DS, FS or GS, as MOV and POP load them.</summary>
    public static bool Load<TPort>(ref TPort port, SegmentName name, ushort selector) where TPort : struct, IPort
    {
        if (!Mode.IsProtected(ref port))
        {
            LoadReal(ref port, name, selector);
            return true;
        }

        if (name == SegmentName.SS)
        {
            if (!ReadStack(ref port, SegmentRole.HandlerStack, selector, port.Cpl, Vector.GP, Vector.SS, 0))
            {
                return false;
            }

            port.Change(SegmentName.SS) = port.Memo(SegmentRole.HandlerStack).Segment;
            return true;
        }

        if (!ReadDataSegment(ref port, selector, Vector.GP, 0, out SegmentRegister segment))
        {
            return false;
        }

        port.Change(name) = segment;
        return true;
    }

    /// <summary>Real-address mode keeps limit and size as they are (SDM Vol. 3A, 20.1.1); virtual-8086 mode sets them (20.2.1).</summary>
    public static void LoadReal<TPort>(ref TPort port, SegmentName name, ushort selector) where TPort : struct, IPort
    {
        ref SegmentRegister segment = ref port.Change(name);
        if (Mode.IsVirtual8086(ref port))
        {
            segment.Set(selector, (uint)selector << 4, RealLimit, Virtual8086Data);
            return;
        }

        uint kept = segment.Rights & (AccessRights.DB | AccessRights.G);
        segment.Set(selector, (uint)selector << 4, segment.Limit, AccessRights.RealModeData | kept);
    }

    /// <summary>A null selector makes the register unusable.</summary>
    public static void LoadNull<TPort>(ref TPort port, SegmentName name, ushort selector) where TPort : struct, IPort =>
        port.Change(name).Set(selector, 0, 0, AccessRights.Unusable);

    /// <summary>
    /// A stack segment for <paramref name="cpl"/>, and marks it accessed; it then stands in the memo of its role. <paramref name="vector"/> is #GP, or #TS where the selector comes from a TSS;
    /// <paramref name="absent"/> is for a segment that is not present: #SS, but #NP for IRET (SDM Vol. 2A, IRET, Protected Mode Exceptions; the operation
    /// section has #SS there, and the independent judges follow the former).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ReadStack<TPort>(ref TPort port, SegmentRole role, ushort selector, int cpl, Vector vector, Vector absent, uint external)
        where TPort : struct, IPort
    {
        if (Selector.IsNull(selector))
        {
            return port.Fault(vector, external);
        }

        if (!DescriptorTable.Read(ref port, selector, vector, external, out uint linear, out Descriptor descriptor))
        {
            return false;
        }

        uint key = SegmentMemo.Key(selector, cpl);
        ref SegmentMemo memo = ref port.Memo(role);
        if (memo.Knows(descriptor, key))
        {
            return true;
        }

        if (!CheckStack(ref port, selector, linear, descriptor, cpl, vector, absent, external))
        {
            return false;
        }

        memo.Keep(descriptor, key, selector);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CheckStack<TPort>(
        ref TPort port, ushort selector, uint linear, Descriptor descriptor, int cpl, Vector vector, Vector absent, uint external)
        where TPort : struct, IPort
    {
        uint errorCode = Selector.ForErrorCode(selector) | external;
        if (Selector.Rpl(selector) != cpl || !descriptor.IsWritableData || descriptor.Dpl != cpl)
        {
            return port.Fault(vector, errorCode);
        }

        if (!descriptor.IsPresent)
        {
            return port.Fault(absent, errorCode);
        }

        return DescriptorTable.MarkAccessed(ref port, linear, descriptor);
    }

    /// <summary>A segment for ES, DS, FS or GS at the current privilege level, and marks it accessed; null is allowed.</summary>
    public static bool ReadDataSegment<TPort>(ref TPort port, ushort selector, Vector vector, uint external, out SegmentRegister segment)
        where TPort : struct, IPort
    {
        segment = default;
        if (Selector.IsNull(selector))
        {
            segment.Set(selector, 0, 0, AccessRights.Unusable);
            return true;
        }

        if (!DescriptorTable.Read(ref port, selector, vector, external, out uint linear, out Descriptor descriptor))
        {
            return false;
        }

        uint errorCode = Selector.ForErrorCode(selector) | external;
        bool readable = descriptor.IsCodeOrData && descriptor.IsReadable;
        if (!readable || (!descriptor.IsConforming && descriptor.Dpl < Math.Max(port.Cpl, Selector.Rpl(selector))))
        {
            return port.Fault(vector, errorCode);
        }

        if (!descriptor.IsPresent)
        {
            return port.Fault(Vector.NP, errorCode);
        }

        segment.Set(selector, descriptor);
        return DescriptorTable.MarkAccessed(ref port, linear, descriptor);
    }

    /// <summary>
    /// CS and EIP from a descriptor that has passed the checks, and the privilege level; an offset beyond the limit is #GP(<paramref name="external"/>).
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool LoadCode<TPort>(
        ref TPort port, ushort selector, uint linear, Descriptor descriptor, int cpl, uint eip, uint external)
        where TPort : struct, IPort
    {
        if (eip > descriptor.Limit)
        {
            return port.Fault(Vector.GP, external);
        }

        if (!DescriptorTable.MarkAccessed(ref port, linear, descriptor))
        {
            return false;
        }

        port.Change(SegmentName.CS).Set((ushort)((selector & ~Selector.RplMask) | cpl), descriptor);
        port.Cpl = cpl;
        port.Eip = eip;
        return true;
    }

    /// <summary>As the other one, of a descriptor that has passed the checks of a role; <paramref name="key"/> is what these depend on beside it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadCode<TPort>(
        ref TPort port, SegmentRole role, uint key, ushort selector, uint linear, Descriptor descriptor, int cpl, uint eip, uint external)
        where TPort : struct, IPort
    {
        ref SegmentMemo memo = ref port.Memo(role);
        if (!memo.Knows(descriptor, key))
        {
            if (!LoadCode(ref port, selector, linear, descriptor, cpl, eip, external))
            {
                return false;
            }

            memo.Keep(descriptor, key, port.Segment(SegmentName.CS).Selector);
            return true;
        }

        if (eip > memo.Segment.Limit)
        {
            return port.Fault(Vector.GP, external);
        }

        port.Change(SegmentName.CS) = memo.Segment;
        port.Cpl = cpl;
        port.Eip = eip;
        return true;
    }

    /// <summary>LDTR. Null is allowed; <paramref name="vector"/> is #GP for LLDT, where an absent table is #NP, and #TS in a task switch for both.</summary>
    public static bool LoadLdtr<TPort>(ref TPort port, ushort selector, Vector vector, Vector absent, uint external) where TPort : struct, IPort
    {
        if (Selector.IsNull(selector))
        {
            LoadNull(ref port, SegmentName.LDTR, selector);
            return true;
        }

        uint errorCode = Selector.ForErrorCode(selector) | external;
        if (Selector.IsLocal(selector))
        {
            return port.Fault(vector, errorCode);
        }

        if (!DescriptorTable.Read(ref port, selector, vector, external, out _, out Descriptor descriptor))
        {
            return false;
        }

        if (!descriptor.IsSystem || descriptor.Type != SystemType.Ldt)
        {
            return port.Fault(vector, errorCode);
        }

        if (!descriptor.IsPresent)
        {
            return port.Fault(absent, errorCode);
        }

        port.Change(SegmentName.LDTR).Set(selector, descriptor.Base, descriptor.Limit, descriptor.Rights);
        return true;
    }

    /// <summary>LTR: an available TSS, which becomes busy in its table.</summary>
    public static bool LoadTaskRegister<TPort>(ref TPort port, ushort selector) where TPort : struct, IPort
    {
        uint errorCode = Selector.ForErrorCode(selector);
        if (Selector.IsNull(selector) || Selector.IsLocal(selector))
        {
            return port.Fault(Vector.GP, errorCode);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, 0, out uint linear, out Descriptor descriptor))
        {
            return false;
        }

        if (!TaskState.IsAvailable(descriptor))
        {
            return port.Fault(Vector.GP, errorCode);
        }

        if (!descriptor.IsPresent)
        {
            return port.Fault(Vector.NP, errorCode);
        }

        port.Change(SegmentName.TR).Set(selector, descriptor.Base, descriptor.Limit, descriptor.Rights | SystemType.BusyBit);
        return DescriptorTable.SetBusy(ref port, linear, true);
    }

    /// <summary>After a return to an outer level: data segments that it may not use become null (SDM Vol. 2, RET and IRET).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DropPrivileged<TPort>(ref TPort port) where TPort : struct, IPort
    {
        DropPrivileged(ref port, SegmentName.ES);
        DropPrivileged(ref port, SegmentName.FS);
        DropPrivileged(ref port, SegmentName.GS);
        DropPrivileged(ref port, SegmentName.DS);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DropPrivileged<TPort>(ref TPort port, SegmentName name) where TPort : struct, IPort
    {
        ref readonly SegmentRegister segment = ref port.Segment(name);
        const uint ConformingCode = AccessRights.Code | AccessRights.ExpandDownOrConforming;
        if (segment.IsUsable && segment.Dpl < port.Cpl && (segment.Rights & ConformingCode) != ConformingCode)
        {
            LoadNull(ref port, name, 0);
        }
    }
}
