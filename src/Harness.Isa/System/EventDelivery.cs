namespace Harness.Isa;

/// <summary>What raises an event; it decides the EXT bit, the privilege check of the gate and RF in the pushed flags.</summary>
public enum EventKind
{
    ExternalInterrupt,
    Nmi,

    /// <summary>A fault-class exception other than an instruction breakpoint: the pushed RF is 1 (SDM Vol. 3B, 17.3.1.1).</summary>
    Fault,

    /// <summary>A trap- or abort-class exception, or an instruction breakpoint: the pushed RF is the current one.</summary>
    Trap,

    /// <summary>INT n.</summary>
    SoftwareInterrupt,

    /// <summary>INT3 and INTO.</summary>
    SoftwareException,

    /// <summary>INT1, which skips the gate's privilege check.</summary>
    PrivilegedSoftwareException,
}

/// <summary>Delivery of interrupts and exceptions (SDM Vol. 2, INT; Vol. 3A, 6.11 to 6.13; Vol. 3B, 20.3).</summary>
public static class EventDelivery
{
    /// <summary>Values that a gate pushes at most: from virtual-8086 mode, with an error code (SDM Vol. 3B, Figure 20-3).</summary>
    private const int LargestFrame = 10;

    /// <summary>
    /// Enters the handler of <paramref name="vector"/>. <paramref name="returnEip"/> is the offset that is pushed: of the instruction for faults, of the next
    /// one otherwise. False: the delivery itself faulted, and the fault is recorded; the caller restores the registers and drops held-back writes, as after an
    /// instruction that returns false.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Deliver<TPort>(ref TPort port, byte vector, EventKind kind, uint? errorCode, uint returnEip) where TPort : struct, IPort
    {
        port.Delivering(vector, kind, errorCode);
        return Mode.IsReal(ref port)
            ? DeliverThroughVectorTable(ref port, vector, returnEip)
            : DeliverThroughGate(ref port, vector, kind, errorCode, returnEip);
    }

    /// <summary>INT n: in virtual-8086 mode IOPL, CR4.VME and the redirection bitmap decide first (SDM Vol. 3B, Table 20-2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool SoftwareInterrupt<TPort>(ref TPort port, byte vector) where TPort : struct, IPort
    {
        if (Mode.IsVirtual8086(ref port))
        {
            bool redirected = false;
            if ((port.System.Cr4 & Cr4.VME) != 0 && !ReadRedirection(ref port, vector, out redirected))
            {
                return false;
            }

            if (redirected)
            {
                return Redirect(ref port, vector);
            }

            if (Mode.Iopl(ref port) < 3)
            {
                return port.Fault(Vector.GP);
            }
        }

        return Deliver(ref port, vector, EventKind.SoftwareInterrupt, null, port.Eip);
    }

    private static bool DeliverThroughVectorTable<TPort>(ref TPort port, byte vector, uint returnEip) where TPort : struct, IPort
    {
        uint offset = vector * 4u;
        if (offset + 3 > port.Idtr.Limit)
        {
            return port.Fault(Vector.GP, vector * 8u | ErrorCode.Idt);
        }

        return EnterReal(ref port, port.Idtr.Base + offset, port.Flags, returnEip, Eflags.IF | Eflags.TF | Eflags.AC | Eflags.RF);
    }

    /// <summary>FLAGS, CS, IP onto the current stack, then CS:IP from a vector at <paramref name="linear"/>.</summary>
    private static bool EnterReal<TPort>(ref TPort port, uint linear, uint image, uint returnEip, uint clear) where TPort : struct, IPort
    {
        if (!port.ReadSystem(linear, out uint target)
            || !Stack.Push(ref port, (ushort)image)
            || !Stack.Push(ref port, port.Segment(SegmentName.CS).Selector)
            || !Stack.Push(ref port, (ushort)returnEip)
            || !FarTransfer.TransferReal(ref port, (ushort)(target >> 16), (ushort)target))
        {
            return false;
        }

        port.NonStatusFlags &= ~clear;
        return true;
    }

    /// <summary>A clear bit in the map below the I/O bitmap sends INT n to the virtual-8086 program's own vector.</summary>
    private static bool ReadRedirection<TPort>(ref TPort port, byte vector, out bool redirected) where TPort : struct, IPort
    {
        redirected = false;
        ref readonly SegmentRegister task = ref port.Segment(SegmentName.TR);
        if (!TaskState.IsWide(task.Rights & AccessRights.TypeMask) || task.Limit < TaskState.MinimumLimit32)
        {
            return port.Fault(Vector.GP);
        }

        if (!port.ReadSystem(task.Base + TaskState.IoMapBase, out ushort map))
        {
            return false;
        }

        uint offset = map - 32u + (uint)(vector >> 3);
        if (offset > task.Limit)
        {
            return port.Fault(Vector.GP);
        }

        bool done = port.ReadSystem(task.Base + offset, out byte bits);
        redirected = (bits & 1 << (vector & 7)) == 0;
        return done;
    }

    private static bool Redirect<TPort>(ref TPort port, byte vector) where TPort : struct, IPort
    {
        uint flags = port.Flags;
        if (Mode.Iopl(ref port) == 3)
        {
            return EnterReal(ref port, vector * 4u, flags, port.Eip, Eflags.IF | Eflags.TF | Eflags.RF);
        }

        // The program sees its virtual interrupt flag, and IOPL 3 (SDM Vol. 3B, 20.3.3.4).
        uint image = (flags & ~Eflags.IF) | Eflags.IOPL | ((flags & Eflags.VIF) != 0 ? Eflags.IF : 0);
        return EnterReal(ref port, vector * 4u, image, port.Eip, Eflags.VIF | Eflags.TF | Eflags.RF);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool DeliverThroughGate<TPort>(ref TPort port, byte vector, EventKind kind, uint? errorCode, uint returnEip)
        where TPort : struct, IPort
    {
        bool software = kind is EventKind.SoftwareInterrupt or EventKind.SoftwareException;
        uint external = software ? 0 : ErrorCode.External;
        uint gateError = vector * 8u | ErrorCode.Idt | external;
        if (vector * 8u + 7 > port.Idtr.Limit)
        {
            return port.Fault(Vector.GP, gateError);
        }

        if (!port.ReadSystem(port.Idtr.Base + vector * 8u, out ulong raw))
        {
            return false;
        }

        var gate = new Descriptor(raw);
        bool valid = gate.IsSystem && gate.Type is SystemType.TaskGate
            or SystemType.InterruptGate16 or SystemType.TrapGate16 or SystemType.InterruptGate32 or SystemType.TrapGate32;
        if (!valid || (software && gate.Dpl < port.Cpl))
        {
            return port.Fault(Vector.GP, gateError);
        }

        if (!gate.IsPresent)
        {
            return port.Fault(Vector.NP, gateError);
        }

        if (kind == EventKind.Fault)
        {
            port.NonStatusFlags |= Eflags.RF;
        }
        else if (kind is EventKind.SoftwareInterrupt or EventKind.SoftwareException or EventKind.PrivilegedSoftwareException)
        {
            // Cleared at the start of the instruction, so that its frame does not show what a handler's IRET has set (SDM Vol. 3B, 17.3.1.1).
            port.NonStatusFlags &= ~Eflags.RF;
        }

        return gate.Type == SystemType.TaskGate
            ? ThroughTaskGate(ref port, gate, external, errorCode, returnEip)
            : ThroughGate(ref port, gate, external, errorCode, returnEip);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ThroughTaskGate<TPort>(ref TPort port, Descriptor gate, uint external, uint? errorCode, uint returnEip)
        where TPort : struct, IPort
    {
        if (!TaskSwitch.ReadAvailable(ref port, gate.GateSelector, external, out uint linear, out Descriptor task)
            || !TaskSwitch.Switch(ref port, gate.GateSelector, linear, task, TaskSwitchSource.Gate, returnEip, external, errorCode))
        {
            return false;
        }

        if (errorCode is not { } code)
        {
            return true;
        }

        var frame = StackFrame.Current(ref port, external);
        if (!frame.Push(ref port, code, TaskState.IsWide(task.Type)))
        {
            return false;
        }

        frame.Load(ref port);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static bool ThroughGate<TPort>(ref TPort port, Descriptor gate, uint external, uint? errorCode, uint returnEip)
        where TPort : struct, IPort
    {
        ushort selector = gate.GateSelector;
        if (Selector.IsNull(selector))
        {
            return port.Fault(Vector.GP, external);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, external, out uint linear, out Descriptor code))
        {
            return false;
        }

        bool from8086 = Mode.IsVirtual8086(ref port);
        bool inner = !code.IsConforming && code.Dpl < port.Cpl;
        uint key = SegmentMemo.Key(selector, port.Cpl, from8086);
        if (!port.Memo(SegmentRole.HandlerCode).Knows(code, key) && !CheckHandler(ref port, selector, code, from8086, inner, external))
        {
            return false;
        }

        int level = inner ? code.Dpl : port.Cpl;
        bool wide = gate.IsGate32;
        Span<uint> values = stackalloc uint[LargestFrame];
        int count = 0;
        StackFrame frame;
        if (!inner)
        {
            frame = StackFrame.Current(ref port, external);
        }
        else
        {
            if (!StackFrame.TryForLevel(ref port, level, external, out frame))
            {
                return false;
            }

            if (from8086)
            {
                values[count++] = port.Segment(SegmentName.GS).Selector;
                values[count++] = port.Segment(SegmentName.FS).Selector;
                values[count++] = port.Segment(SegmentName.DS).Selector;
                values[count++] = port.Segment(SegmentName.ES).Selector;
            }

            values[count++] = port.Segment(SegmentName.SS).Selector;
            values[count++] = port.Gpr(4);
        }

        values[count++] = port.Flags;
        values[count++] = port.Segment(SegmentName.CS).Selector;
        values[count++] = returnEip;
        if (errorCode is { } pushed)
        {
            values[count++] = pushed;
        }

        ref uint place = ref Unsafe.NullRef<uint>();
        if (wide)
        {
            place = ref frame.TryReserve(ref port, count);
        }

        if ((Unsafe.IsNullRef(ref place) && !frame.Push(ref port, values[..count], wide))
            || !SegmentLoad.LoadCode(ref port, SegmentRole.HandlerCode, key, selector, linear, code, level, gate.GateOffset, external))
        {
            return false;
        }

        if (!Unsafe.IsNullRef(ref place))
        {
            for (int i = 0; i < count; i++)
            {
                Unsafe.Add(ref place, count - 1 - i) = values[i];
            }
        }

        frame.Load(ref port);
        bool interrupt = gate.Type is SystemType.InterruptGate16 or SystemType.InterruptGate32;
        port.NonStatusFlags &= ~(Eflags.TF | Eflags.NT | Eflags.VM | Eflags.RF | (interrupt ? Eflags.IF : 0));
        if (from8086)
        {
            SegmentLoad.LoadNull(ref port, SegmentName.GS, 0);
            SegmentLoad.LoadNull(ref port, SegmentName.FS, 0);
            SegmentLoad.LoadNull(ref port, SegmentName.DS, 0);
            SegmentLoad.LoadNull(ref port, SegmentName.ES, 0);
        }

        return true;
    }

    /// <summary>The checks of a handler's code segment (SDM Vol. 2, INT).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CheckHandler<TPort>(ref TPort port, ushort selector, Descriptor code, bool from8086, bool inner, uint external)
        where TPort : struct, IPort
    {
        uint segmentError = Selector.ForErrorCode(selector) | external;
        if (!code.IsCode || code.Dpl > port.Cpl)
        {
            return port.Fault(Vector.GP, segmentError);
        }

        if (!code.IsPresent)
        {
            return port.Fault(Vector.NP, segmentError);
        }

        return !from8086 || (inner && code.Dpl == 0) || port.Fault(Vector.GP, segmentError);
    }
}
