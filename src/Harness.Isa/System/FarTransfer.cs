namespace Harness.Isa;

/// <summary>Far JMP, CALL and RET (SDM Vol. 2, JMP, CALL, RET; Vol. 3A, 5.8). Each sets CS, EIP and CPL, or records a fault.</summary>
public static class FarTransfer
{
    /// <summary>JMP to selector:offset. <paramref name="wide"/> is the operand size.</summary>
    public static bool Jump<TPort>(ref TPort port, ushort selector, uint offset, bool wide) where TPort : struct, IPort
    {
        if (!Mode.IsProtected(ref port))
        {
            return TransferReal(ref port, selector, offset);
        }

        return Transfer(ref port, selector, offset, wide, call: false);
    }

    /// <summary>CALL of selector:offset. <paramref name="wide"/> is the operand size, which gates override.</summary>
    public static bool Call<TPort>(ref TPort port, ushort selector, uint offset, bool wide) where TPort : struct, IPort
    {
        if (!Mode.IsProtected(ref port))
        {
            return Stack.Push(ref port, port.Segment(SegmentName.CS).Selector, wide)
                && Stack.Push(ref port, port.Eip, wide)
                && TransferReal(ref port, selector, offset);
        }

        return Transfer(ref port, selector, offset, wide, call: true);
    }

    /// <summary>RET far; <paramref name="release"/> bytes of parameters go from both stacks.</summary>
    public static bool Return<TPort>(ref TPort port, bool wide, uint release) where TPort : struct, IPort
    {
        if (!Stack.Pop(ref port, wide, out uint eip) || !Stack.Pop(ref port, wide, out uint selector))
        {
            return false;
        }

        if (!Mode.IsProtected(ref port))
        {
            Stack.Release(ref port, release);
            return TransferReal(ref port, (ushort)selector, eip);
        }

        return ReadReturnTarget(ref port, (ushort)selector, out uint linear, out Descriptor code)
            && FinishReturn(ref port, (ushort)selector, linear, code, eip, wide, release, Vector.SS);
    }

    /// <summary>The checks of a return's code segment, the same for RET and IRET.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ReadReturnTarget<TPort>(ref TPort port, ushort selector, out uint linear, out Descriptor code) where TPort : struct, IPort
    {
        linear = 0;
        code = default;
        if (Selector.IsNull(selector))
        {
            return port.Fault(Vector.GP);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, 0, out linear, out code))
        {
            return false;
        }

        return port.Memo(SegmentRole.ReturnCode).Knows(code, SegmentMemo.Key(selector, port.Cpl)) || CheckReturnTarget(ref port, selector, code);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CheckReturnTarget<TPort>(ref TPort port, ushort selector, Descriptor code) where TPort : struct, IPort
    {
        int rpl = Selector.Rpl(selector);
        if (!code.IsCode || rpl < port.Cpl || (code.IsConforming ? code.Dpl > rpl : code.Dpl != rpl))
        {
            return port.Fault(Vector.GP, Selector.ForErrorCode(selector));
        }

        return code.IsPresent || port.Fault(Vector.NP, Selector.ForErrorCode(selector));
    }

    /// <summary>The part of RET and IRET after the code segment is known to be good: stays at the level, or pops SS:ESP of the outer one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool FinishReturn<TPort>(
        ref TPort port, ushort selector, uint linear, Descriptor code, uint eip, bool wide, uint release, Vector absentStack)
        where TPort : struct, IPort
    {
        Stack.Release(ref port, release);
        int level = Selector.Rpl(selector);
        uint key = SegmentMemo.Key(selector, port.Cpl);
        if (level == port.Cpl)
        {
            return SegmentLoad.LoadCode(ref port, SegmentRole.ReturnCode, key, selector, linear, code, level, eip, 0);
        }

        if (!PopStack(ref port, wide, out uint pointer, out ushort stackSelector)
            || !SegmentLoad.ReadStack(ref port, SegmentRole.ReturnStack, stackSelector, level, Vector.GP, absentStack, 0)
            || !SegmentLoad.LoadCode(ref port, SegmentRole.ReturnCode, key, selector, linear, code, level, eip, 0))
        {
            return false;
        }

        port.Change(SegmentName.SS) = port.Memo(SegmentRole.ReturnStack).Segment;
        Stack.SetPointer(ref port, pointer + release);
        SegmentLoad.DropPrivileged(ref port);
        return true;
    }

    /// <summary>SS:ESP of the outer level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool PopStack<TPort>(ref TPort port, bool wide, out uint pointer, out ushort selector) where TPort : struct, IPort
    {
        if (wide)
        {
            ref readonly uint image32 = ref Stack.TryPop(ref port, 2);
            if (!Unsafe.IsNullRef(in image32))
            {
                pointer = image32;
                selector = (ushort)Unsafe.Add(ref Unsafe.AsRef(in image32), 1);
                return true;
            }
        }

        selector = 0;
        if (!Stack.Pop(ref port, wide, out pointer) || !Stack.Pop(ref port, wide, out uint image))
        {
            return false;
        }

        selector = (ushort)image;
        return true;
    }

    /// <summary>CS:EIP in real-address and virtual-8086 mode.</summary>
    public static bool TransferReal<TPort>(ref TPort port, ushort selector, uint offset) where TPort : struct, IPort
    {
        uint limit = Mode.IsVirtual8086(ref port) ? SegmentLoad.RealLimit : port.Segment(SegmentName.CS).Limit;
        if (offset > limit)
        {
            return port.Fault(Vector.GP);
        }

        SegmentLoad.LoadReal(ref port, SegmentName.CS, selector);
        port.Eip = offset;
        return true;
    }

    private static bool Transfer<TPort>(ref TPort port, ushort selector, uint offset, bool wide, bool call) where TPort : struct, IPort
    {
        if (Selector.IsNull(selector))
        {
            return port.Fault(Vector.GP);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, 0, out uint linear, out Descriptor descriptor))
        {
            return false;
        }

        if (descriptor.IsCode)
        {
            bool allowed = descriptor.IsConforming
                ? descriptor.Dpl <= port.Cpl
                : Selector.Rpl(selector) <= port.Cpl && descriptor.Dpl == port.Cpl;
            return CheckCode(ref port, selector, descriptor, allowed)
                && SameLevel(ref port, selector, linear, descriptor, offset, wide, call);
        }

        uint errorCode = Selector.ForErrorCode(selector);
        bool usable = descriptor.Dpl >= Math.Max(port.Cpl, Selector.Rpl(selector));
        switch (descriptor.IsSystem ? descriptor.Type : 0)
        {
            case SystemType.CallGate16 or SystemType.CallGate32:
                return CheckGate(ref port, errorCode, descriptor, usable) && ThroughGate(ref port, descriptor, call);
            case SystemType.TaskGate:
                return CheckGate(ref port, errorCode, descriptor, usable)
                    && TaskSwitch.ReadAvailable(ref port, descriptor.GateSelector, 0, out uint target, out Descriptor task)
                    && TaskSwitch.Switch(ref port, descriptor.GateSelector, target, task, call ? TaskSwitchSource.Call : TaskSwitchSource.Jump, port.Eip);
            case SystemType.AvailableTss16 or SystemType.AvailableTss32:
                if (!usable || Selector.IsLocal(selector))
                {
                    return port.Fault(Vector.GP, errorCode);
                }

                return (descriptor.IsPresent || port.Fault(Vector.NP, errorCode))
                    && TaskSwitch.Switch(ref port, selector, linear, descriptor, call ? TaskSwitchSource.Call : TaskSwitchSource.Jump, port.Eip);
            default:
                return port.Fault(Vector.GP, errorCode);
        }
    }

    private static bool CheckCode<TPort>(ref TPort port, ushort selector, Descriptor descriptor, bool allowed) where TPort : struct, IPort
    {
        if (!allowed)
        {
            return port.Fault(Vector.GP, Selector.ForErrorCode(selector));
        }

        return descriptor.IsPresent || port.Fault(Vector.NP, Selector.ForErrorCode(selector));
    }

    private static bool CheckGate<TPort>(ref TPort port, uint errorCode, Descriptor gate, bool usable) where TPort : struct, IPort
    {
        if (!usable)
        {
            return port.Fault(Vector.GP, errorCode);
        }

        return gate.IsPresent || port.Fault(Vector.NP, errorCode);
    }

    private static bool SameLevel<TPort>(
        ref TPort port, ushort selector, uint linear, Descriptor code, uint offset, bool wide, bool call)
        where TPort : struct, IPort
    {
        if (call && !(Stack.Push(ref port, port.Segment(SegmentName.CS).Selector, wide) && Stack.Push(ref port, port.Eip, wide)))
        {
            return false;
        }

        return SegmentLoad.LoadCode(ref port, selector, linear, code, port.Cpl, offset, 0);
    }

    private static bool ThroughGate<TPort>(ref TPort port, Descriptor gate, bool call) where TPort : struct, IPort
    {
        ushort selector = gate.GateSelector;
        if (Selector.IsNull(selector))
        {
            return port.Fault(Vector.GP);
        }

        if (!DescriptorTable.Read(ref port, selector, Vector.GP, 0, out uint linear, out Descriptor code))
        {
            return false;
        }

        bool allowed = code.IsCode && (call || code.IsConforming ? code.Dpl <= port.Cpl : code.Dpl == port.Cpl);
        if (!CheckCode(ref port, selector, code, allowed))
        {
            return false;
        }

        return call && !code.IsConforming && code.Dpl < port.Cpl
            ? MorePrivileged(ref port, gate, linear, code)
            : SameLevel(ref port, selector, linear, code, gate.GateOffset, gate.IsGate32, call);
    }

    /// <summary>A call gate to an inner level: the TSS gives the stack, and the parameters move there (SDM Vol. 3A, 5.8.5).</summary>
    private static bool MorePrivileged<TPort>(ref TPort port, Descriptor gate, uint linear, Descriptor code) where TPort : struct, IPort
    {
        bool wide = gate.IsGate32;
        if (!StackFrame.TryForLevel(ref port, code.Dpl, 0, out StackFrame frame)
            || !frame.Push(ref port, port.Segment(SegmentName.SS).Selector, wide)
            || !frame.Push(ref port, port.Gpr(4), wide))
        {
            return false;
        }

        uint mask = Stack.Mask(ref port);
        for (int index = gate.GateParameters - 1; index >= 0; index--)
        {
            uint offset = (port.Gpr(4) + (uint)index * (wide ? 4u : 2u)) & mask;
            uint parameter;
            if (wide)
            {
                if (!port.Read(SegmentName.SS, offset, out parameter))
                {
                    return false;
                }
            }
            else
            {
                if (!port.Read(SegmentName.SS, offset, out ushort narrow))
                {
                    return false;
                }

                parameter = narrow;
            }

            if (!frame.Push(ref port, parameter, wide))
            {
                return false;
            }
        }

        if (!frame.Push(ref port, port.Segment(SegmentName.CS).Selector, wide)
            || !frame.Push(ref port, port.Eip, wide)
            || !SegmentLoad.LoadCode(ref port, gate.GateSelector, linear, code, code.Dpl, gate.GateOffset, 0))
        {
            return false;
        }

        frame.Load(ref port);
        return true;
    }
}
