namespace Harness.Isa;

/// <summary>What starts a task switch, in the encoding of the exit qualification (SDM Vol. 3C, Table 27-2).</summary>
public enum TaskSwitchSource
{
    Call,
    InterruptReturn,
    Jump,
    Gate,
}

/// <summary>Task switches between 16-bit and 32-bit TSSs (SDM Vol. 3A, 7.3 to 7.6).</summary>
public static class TaskSwitch
{
    private const uint LocalBreakpoints = 0x155;

    // Offsets of the two formats (SDM Vol. 3A, Figures 7-2 and 7-10).
    private const uint Cr3At = 0x1C;
    private const uint Eip32At = 0x20;
    private const uint Flags32At = 0x24;
    private const uint Gpr32At = 0x28;
    private const uint Segment32At = 0x48;
    private const uint Ldt32At = 0x60;
    private const uint TrapAt = 0x64;
    private const uint Ip16At = 0x0E;
    private const uint Flags16At = 0x10;
    private const uint Gpr16At = 0x12;
    private const uint Segment16At = 0x22;
    private const uint Ldt16At = 0x2A;

    /// <summary>The TSS that a task gate names: available and present, else #GP or #NP of its selector.</summary>
    public static bool ReadAvailable<TPort>(ref TPort port, ushort selector, uint external, out uint linear, out Descriptor task)
        where TPort : struct, IPort
    {
        linear = 0;
        task = default;
        uint errorCode = Selector.ForErrorCode(selector) | external;
        if (Selector.IsLocal(selector))
        {
            return port.Fault(Vector.GP, errorCode);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, external, out linear, out task))
        {
            return false;
        }

        if (!TaskState.IsAvailable(task))
        {
            return port.Fault(Vector.GP, errorCode);
        }

        return task.IsPresent || port.Fault(Vector.NP, errorCode);
    }

    /// <summary>
    /// Switches to the task whose descriptor lies at <paramref name="linear"/> and has been checked. <paramref name="returnEip"/> is saved for the old task.
    /// A fault after the commit point happens in the new task.
    /// </summary>
    public static bool Switch<TPort>(
        ref TPort port, ushort selector, uint linear, Descriptor task, TaskSwitchSource source, uint returnEip, uint external = 0, uint? errorCode = null)
        where TPort : struct, IPort
    {
        uint pending = errorCode is null ? 0 : Intercepts.ErrorCodePending;
        if (port.IsGuest && port.Intercepted(InterceptKind.TaskSwitch, selector | (uint)source << 30 | pending, errorCode ?? 0))
        {
            return false;
        }

        bool wide = TaskState.IsWide(task.Type);
        if (task.Limit < (wide ? TaskState.MinimumLimit32 : TaskState.MinimumLimit16))
        {
            return port.Fault(Vector.TS, Selector.ForErrorCode(selector) | external);
        }

        SegmentRegister old = port.Segment(SegmentName.TR);
        bool oldWide = TaskState.IsWide(old.Rights & AccessRights.TypeMask);
        if (old.Limit < (oldWide ? 0x5Fu : 0x29u))
        {
            return port.Fault(Vector.TS, Selector.ForErrorCode(old.Selector) | external);
        }

        bool nested = source is TaskSwitchSource.Call or TaskSwitchSource.Gate;
        Span<uint> image = stackalloc uint[TaskImage.Count];
        if (!ReadImage(ref port, task.Base, wide, image)
            || !Leave(ref port, old, source, returnEip)
            || (nested && !port.WriteSystem(task.Base, old.Selector))
            || (source != TaskSwitchSource.InterruptReturn && !DescriptorTable.SetBusy(ref port, linear, true)))
        {
            return false;
        }

        if (nested)
        {
            image[TaskImage.Flags] |= Eflags.NT;
        }

        Enter(ref port, image, wide);
        port.Change(SegmentName.TR).Set(selector, task.Base, task.Limit, task.Rights | SystemType.BusyBit);
        return port.Commit()
            && (!wide || LoadCr3(ref port, image[TaskImage.Cr3]))
            && LoadSegments(ref port, image, external)
            && Finish(ref port, image, external);
    }

    /// <summary>Saves the registers in the old TSS and clears its busy bit unless the new task nests in it.</summary>
    private static bool Leave<TPort>(ref TPort port, in SegmentRegister old, TaskSwitchSource source, uint returnEip) where TPort : struct, IPort
    {
        uint flags = port.Flags;
        if (source == TaskSwitchSource.InterruptReturn)
        {
            flags &= ~Eflags.NT;
        }

        if (source is TaskSwitchSource.Jump or TaskSwitchSource.InterruptReturn
            && (!DescriptorTable.Read(ref port, old.Selector, Vector.TS, 0, out uint linear, out _)
                || !DescriptorTable.SetBusy(ref port, linear, false)))
        {
            return false;
        }

        return TaskState.IsWide(old.Rights & AccessRights.TypeMask)
            ? Save32(ref port, old.Base, returnEip, flags)
            : Save16(ref port, old.Base, returnEip, flags);
    }

    private static bool Save32<TPort>(ref TPort port, uint task, uint eip, uint flags) where TPort : struct, IPort
    {
        bool done = port.WriteSystem(task + Eip32At, eip) && port.WriteSystem(task + Flags32At, flags);
        for (int number = 0; done && number < 8; number++)
        {
            done = port.WriteSystem(task + Gpr32At + (uint)number * 4, port.Gpr(number));
        }

        for (SegmentName name = SegmentName.ES; done && name <= SegmentName.GS; name++)
        {
            done = port.WriteSystem(task + Segment32At + (uint)name * 4, port.Segment(name).Selector);
        }

        return done;
    }

    private static bool Save16<TPort>(ref TPort port, uint task, uint eip, uint flags) where TPort : struct, IPort
    {
        bool done = port.WriteSystem(task + Ip16At, (ushort)eip) && port.WriteSystem(task + Flags16At, (ushort)flags);
        for (int number = 0; done && number < 8; number++)
        {
            done = port.WriteSystem(task + Gpr16At + (uint)number * 2, (ushort)port.Gpr(number));
        }

        for (SegmentName name = SegmentName.ES; done && name <= SegmentName.DS; name++)
        {
            done = port.WriteSystem(task + Segment16At + (uint)name * 2, port.Segment(name).Selector);
        }

        return done;
    }

    private static bool ReadImage<TPort>(ref TPort port, uint task, bool wide, Span<uint> image) where TPort : struct, IPort =>
        wide ? ReadImage32(ref port, task, image) : ReadImage16(ref port, task, image);

    private static bool ReadImage32<TPort>(ref TPort port, uint task, Span<uint> image) where TPort : struct, IPort
    {
        bool done = port.ReadSystem(task + Cr3At, out image[TaskImage.Cr3])
            && port.ReadSystem(task + Eip32At, out image[TaskImage.Eip])
            && port.ReadSystem(task + Flags32At, out image[TaskImage.Flags]);
        for (int number = 0; done && number < 8; number++)
        {
            done = port.ReadSystem(task + Gpr32At + (uint)number * 4, out image[TaskImage.Gpr + number]);
        }

        for (int number = 0; done && number < 6; number++)
        {
            done = ReadWord(ref port, task + Segment32At + (uint)number * 4, out image[TaskImage.Segment + number]);
        }

        if (!done || !ReadWord(ref port, task + Ldt32At, out image[TaskImage.Ldt]) || !ReadWord(ref port, task + TrapAt, out uint trap))
        {
            return false;
        }

        image[TaskImage.Trap] = trap & 1;
        return true;
    }

    /// <summary>FS and GS become null; the upper halves of the general registers are set, as on the 80386.</summary>
    private static bool ReadImage16<TPort>(ref TPort port, uint task, Span<uint> image) where TPort : struct, IPort
    {
        image.Clear();
        bool done = ReadWord(ref port, task + Ip16At, out image[TaskImage.Eip]) && ReadWord(ref port, task + Flags16At, out image[TaskImage.Flags]);
        for (int number = 0; done && number < 8; number++)
        {
            done = ReadWord(ref port, task + Gpr16At + (uint)number * 2, out image[TaskImage.Gpr + number]);
            image[TaskImage.Gpr + number] |= 0xFFFF0000;
        }

        for (int number = 0; done && number < 4; number++)
        {
            done = ReadWord(ref port, task + Segment16At + (uint)number * 2, out image[TaskImage.Segment + number]);
        }

        return done && ReadWord(ref port, task + Ldt16At, out image[TaskImage.Ldt]);
    }

    private static bool ReadWord<TPort>(ref TPort port, uint linear, out uint value) where TPort : struct, IPort
    {
        bool done = port.ReadSystem(linear, out ushort word);
        value = word;
        return done;
    }

    /// <summary>Registers of the new task; the segment registers have their selectors, and hidden parts only once these are checked.</summary>
    private static void Enter<TPort>(ref TPort port, ReadOnlySpan<uint> image, bool wide) where TPort : struct, IPort
    {
        uint flags = image[TaskImage.Flags] & port.DefinedFlags;
        port.Flags = (wide ? flags : flags & 0xFFFF) | Eflags.Fixed;
        port.Eip = image[TaskImage.Eip];
        ref SystemRegisters system = ref port.ChangeSystem();
        system.Cr0 |= Cr0.TS;
        system.Dr7 &= ~LocalBreakpoints;
        for (int number = 0; number < 8; number++)
        {
            port.Gpr(number) = image[TaskImage.Gpr + number];
        }

        // In virtual-8086 mode a selector is all there is to a segment (SDM Vol. 3B, 20.1.1): a fault in the new task finds it loaded.
        bool virtual8086 = (port.NonStatusFlags & Eflags.VM) != 0;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            ushort selector = (ushort)image[TaskImage.Segment + (int)name];
            if (virtual8086)
            {
                SegmentLoad.LoadReal(ref port, name, selector);
            }
            else
            {
                SegmentLoad.LoadNull(ref port, name, selector);
            }
        }

        SegmentLoad.LoadNull(ref port, SegmentName.LDTR, (ushort)image[TaskImage.Ldt]);

        // Until the new stack is loaded, a fault has to switch stacks to find one: the level from which every handler is an inner one.
        port.Cpl = 3;
    }

    private static bool LoadCr3<TPort>(ref TPort port, uint value) where TPort : struct, IPort =>
        (port.System.Cr0 & Cr0.PG) == 0 || (ControlWrite.SetCr3(ref port, value) && port.Commit());

    private static bool LoadSegments<TPort>(ref TPort port, ReadOnlySpan<uint> image, uint external) where TPort : struct, IPort
    {
        if (!SegmentLoad.LoadLdtr(ref port, (ushort)image[TaskImage.Ldt], Vector.TS, Vector.TS, external) || !port.Commit())
        {
            return false;
        }

        if (Mode.IsVirtual8086(ref port))
        {
            return true;
        }

        return LoadStack(ref port, external)
            && LoadCode(ref port, external)
            && LoadData(ref port, SegmentName.DS, external)
            && LoadData(ref port, SegmentName.ES, external)
            && LoadData(ref port, SegmentName.FS, external)
            && LoadData(ref port, SegmentName.GS, external);
    }

    /// <summary>Presence comes before the privilege level, and is #SS (SDM Vol. 3A, Table 7-1).</summary>
    private static bool LoadStack<TPort>(ref TPort port, uint external) where TPort : struct, IPort
    {
        int level = Selector.Rpl(port.Segment(SegmentName.CS).Selector);
        ushort selector = port.Segment(SegmentName.SS).Selector;
        if (!Selector.IsNull(selector)
            && DescriptorTable.TryLocate(ref port, selector, out uint linear)
            && port.ReadSystem(linear, out ulong raw)
            && new Descriptor(raw) is { IsWritableData: true, IsPresent: false })
        {
            return port.Fault(Vector.SS, Selector.ForErrorCode(selector) | external);
        }

        if (!SegmentLoad.ReadStack(ref port, SegmentRole.HandlerStack, selector, level, Vector.TS, Vector.SS, external))
        {
            return false;
        }

        port.Change(SegmentName.SS) = port.Memo(SegmentRole.HandlerStack).Segment;
        port.Cpl = level;
        return port.Commit();
    }

    private static bool LoadCode<TPort>(ref TPort port, uint external) where TPort : struct, IPort
    {
        ushort selector = port.Segment(SegmentName.CS).Selector;
        if (Selector.IsNull(selector))
        {
            return port.Fault(Vector.TS, external);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.TS, external, out uint linear, out Descriptor code))
        {
            return false;
        }

        uint errorCode = Selector.ForErrorCode(selector) | external;
        if (!code.IsCode || (code.IsConforming ? code.Dpl > port.Cpl : code.Dpl != port.Cpl))
        {
            return port.Fault(Vector.TS, errorCode);
        }

        if (!code.IsPresent)
        {
            return port.Fault(Vector.NP, errorCode);
        }

        port.Change(SegmentName.CS).Set(selector, code);
        return DescriptorTable.MarkAccessed(ref port, linear, code) && port.Commit();
    }

    private static bool LoadData<TPort>(ref TPort port, SegmentName name, uint external) where TPort : struct, IPort
    {
        if (!SegmentLoad.ReadDataSegment(ref port, port.Segment(name).Selector, Vector.TS, external, out SegmentRegister segment))
        {
            return false;
        }

        port.Change(name) = segment;
        return port.Commit();
    }

    private static bool Finish<TPort>(ref TPort port, ReadOnlySpan<uint> image, uint external) where TPort : struct, IPort
    {
        if (port.Eip > port.Segment(SegmentName.CS).Limit)
        {
            return port.Fault(Vector.GP, external);
        }

        if (image[TaskImage.Trap] != 0)
        {
            port.PendDebugTrap(DebugBits.BT);
        }

        return true;
    }

    /// <summary>Where <see cref="ReadImage"/> puts what it read from either format.</summary>
    private static class TaskImage
    {
        public const int Cr3 = 0;
        public const int Eip = 1;
        public const int Flags = 2;
        public const int Ldt = 3;
        public const int Trap = 4;
        public const int Gpr = 5;
        public const int Segment = 13;
        public const int Count = 19;
    }
}
