namespace Harness.Isa;

/// <summary>IRET in every mode (SDM Vol. 2, IRET; Vol. 3B, 20.2.4).</summary>
public static class InterruptReturn
{
    /// <summary>Pops EIP, CS and EFLAGS and what else the mode asks for. NMIs are unblocked even if it faults (SDM Vol. 3A, 6.7.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Execute<TPort>(ref TPort port, bool wide) where TPort : struct, IPort
    {
        port.BlockNmi(false);
        if (!Mode.IsProtected(ref port))
        {
            return ReturnReal(ref port, wide);
        }

        return (port.NonStatusFlags & Eflags.NT) != 0 ? ReturnTask(ref port) : ReturnProtected(ref port, wide);
    }

    private static bool ReturnReal<TPort>(ref TPort port, bool wide) where TPort : struct, IPort
    {
        bool restricted = Mode.IsVirtual8086(ref port) && Mode.Iopl(ref port) < 3;
        if (restricted && (wide || (port.System.Cr4 & Cr4.VME) == 0))
        {
            return port.Fault(Vector.GP);
        }

        if (!Pop(ref port, wide, out uint eip, out ushort selector, out uint flags)
            || !FarTransfer.TransferReal(ref port, selector, eip))
        {
            return false;
        }

        if (restricted)
        {
            return FlagWrite.PopVirtual(ref port, flags, wide);
        }

        FlagWrite.ReturnReal(ref port, flags, wide);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool ReturnProtected<TPort>(ref TPort port, bool wide) where TPort : struct, IPort
    {
        if (!Pop(ref port, wide, out uint eip, out ushort selector, out uint flags))
        {
            return false;
        }

        if (wide && (flags & Eflags.VM) != 0 && port.Cpl == 0)
        {
            return ReturnVirtual8086(ref port, eip, selector, flags);
        }

        if (!FarTransfer.ReadReturnTarget(ref port, selector, out uint linear, out Descriptor code))
        {
            return false;
        }

        FlagWrite.Return(ref port, flags, wide);
        return FarTransfer.FinishReturn(ref port, selector, linear, code, eip, wide, 0, Vector.NP);
    }

    private static bool ReturnVirtual8086<TPort>(ref TPort port, uint eip, ushort selector, uint flags) where TPort : struct, IPort
    {
        if (!Stack.Pop(ref port, out uint pointer)
            || !Stack.Pop(ref port, out uint ss)
            || !Stack.Pop(ref port, out uint es)
            || !Stack.Pop(ref port, out uint ds)
            || !Stack.Pop(ref port, out uint fs)
            || !Stack.Pop(ref port, out uint gs))
        {
            return false;
        }

        if (eip > SegmentLoad.RealLimit)
        {
            return port.Fault(Vector.GP);
        }

        port.Flags = (flags & port.DefinedFlags) | Eflags.Fixed;
        port.Cpl = 3;
        SegmentLoad.LoadReal(ref port, SegmentName.CS, selector);
        SegmentLoad.LoadReal(ref port, SegmentName.SS, (ushort)ss);
        SegmentLoad.LoadReal(ref port, SegmentName.ES, (ushort)es);
        SegmentLoad.LoadReal(ref port, SegmentName.DS, (ushort)ds);
        SegmentLoad.LoadReal(ref port, SegmentName.FS, (ushort)fs);
        SegmentLoad.LoadReal(ref port, SegmentName.GS, (ushort)gs);
        port.Eip = eip;
        port.Gpr(4) = pointer;
        return true;
    }

    /// <summary>IRET of a nested task: the back link of the current TSS names the task to return to (SDM Vol. 3A, 7.4).</summary>
    private static bool ReturnTask<TPort>(ref TPort port) where TPort : struct, IPort
    {
        if (!port.ReadSystem(port.Segment(SegmentName.TR).Base, out ushort link))
        {
            return false;
        }

        uint errorCode = Selector.ForErrorCode(link);
        if (Selector.IsLocal(link))
        {
            return port.Fault(Vector.TS, errorCode);
        }

        if (!DescriptorTable.Read(ref port, link, Vector.TS, 0, out uint linear, out Descriptor task))
        {
            return false;
        }

        if (!TaskState.IsBusy(task))
        {
            return port.Fault(Vector.TS, errorCode);
        }

        return (task.IsPresent || port.Fault(Vector.NP, errorCode))
            && TaskSwitch.Switch(ref port, link, linear, task, TaskSwitchSource.InterruptReturn, port.Eip);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Pop<TPort>(ref TPort port, bool wide, out uint eip, out ushort selector, out uint flags) where TPort : struct, IPort
    {
        if (wide)
        {
            ref readonly uint frame = ref Stack.TryPop(ref port, 3);
            if (!Unsafe.IsNullRef(in frame))
            {
                eip = frame;
                selector = (ushort)Unsafe.Add(ref Unsafe.AsRef(in frame), 1);
                flags = Unsafe.Add(ref Unsafe.AsRef(in frame), 2);
                return true;
            }
        }

        flags = 0;
        selector = 0;
        if (!Stack.Pop(ref port, wide, out eip) || !Stack.Pop(ref port, wide, out uint image))
        {
            return false;
        }

        selector = (ushort)image;
        return Stack.Pop(ref port, wide, out flags);
    }
}
