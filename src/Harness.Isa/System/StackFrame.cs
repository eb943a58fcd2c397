namespace Harness.Isa;

/// <summary>
/// The stack that a gate pushes on: perhaps not loaded yet, at the privilege level of the handler. It becomes the current one by <see cref="Load"/>.
/// </summary>
public struct StackFrame
{
    private SegmentRegister _segment;
    private uint _errorCode;
    private uint _mask;
    private int _cpl;
    private uint _pointer;

    /// <summary>The current stack at the current privilege level; <paramref name="errorCode"/> is that of #SS when the frame does not fit.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static StackFrame Current<TPort>(ref TPort port, uint errorCode) where TPort : struct, IPort
    {
        StackFrame frame;
        frame._segment = port.Segment(SegmentName.SS);
        frame._mask = MaskOf(in frame._segment);
        frame._pointer = port.Gpr(4);
        frame._cpl = port.Cpl;
        frame._errorCode = errorCode;
        return frame;
    }

    /// <summary>
    /// The stack that the current TSS holds for a more privileged level (SDM Vol. 3A, 5.8.5): #TS(TSS) when it lies beyond the TSS, #TS(SS) or #SS(SS) when
    /// the segment will not do, #SS(SS) when the frame does not fit.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryForLevel<TPort>(ref TPort port, int cpl, uint external, out StackFrame frame) where TPort : struct, IPort
    {
        frame = default;
        ref readonly SegmentRegister task = ref port.Segment(SegmentName.TR);
        bool wide = TaskState.IsWide(task.Rights & AccessRights.TypeMask);
        uint offset = wide ? (uint)cpl * 8 + 4 : (uint)cpl * 4 + 2;
        if (offset + (wide ? 7u : 3u) > task.Limit)
        {
            return port.Fault(Vector.TS, Selector.ForErrorCode(task.Selector) | external);
        }

        uint pointer;
        if (wide)
        {
            if (!port.ReadSystem(task.Base + offset, out pointer))
            {
                return false;
            }
        }
        else
        {
            if (!port.ReadSystem(task.Base + offset, out ushort narrow))
            {
                return false;
            }

            pointer = narrow;
        }

        if (!port.ReadSystem(task.Base + offset + (wide ? 4u : 2u), out ushort selector)
            || !SegmentLoad.ReadStack(ref port, SegmentRole.HandlerStack, selector, cpl, Vector.TS, Vector.SS, external))
        {
            return false;
        }

        frame._segment = port.Memo(SegmentRole.HandlerStack).Segment;
        frame._mask = MaskOf(in frame._segment);
        frame._pointer = pointer;
        frame._cpl = cpl;
        frame._errorCode = Selector.ForErrorCode(selector) | external;
        return true;
    }

    /// <summary>Pushes 32 bits, or the low 16.</summary>
    public bool Push<TPort>(ref TPort port, uint value, bool wide) where TPort : struct, IPort
    {
        uint top = (_pointer - (wide ? 4u : 2u)) & _mask;
        _pointer = (_pointer & ~_mask) | top;
        return wide
            ? port.WriteStack(_segment, top, _cpl, _errorCode, value)
            : port.WriteStack(_segment, top, _cpl, _errorCode, (ushort)value);
    }

    /// <summary>Pushes one after the other.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Push<TPort>(ref TPort port, ReadOnlySpan<uint> values, bool wide) where TPort : struct, IPort
    {
        foreach (uint value in values)
        {
            if (!Push(ref port, value, wide))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Makes room for doublewords on a 32-bit stack: where the last of them belongs, once the transfer cannot fail any more. A null reference: nothing has been
    /// done, and they have to be pushed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref uint TryReserve<TPort>(scoped ref TPort port, int count) where TPort : struct, IPort
    {
        uint top = _pointer - (uint)count * sizeof(uint);
        if (_mask != uint.MaxValue)
        {
            return ref Unsafe.NullRef<uint>();
        }

        ref uint place = ref port.TryLocateStack(_segment, top, _cpl, count * sizeof(uint));
        if (!Unsafe.IsNullRef(ref place))
        {
            _pointer = top;
        }

        return ref place;
    }

    /// <summary>Makes this the current stack.</summary>
    public readonly void Load<TPort>(ref TPort port) where TPort : struct, IPort
    {
        port.Change(SegmentName.SS) = _segment;
        port.Gpr(4) = _pointer;
    }

    private static uint MaskOf(in SegmentRegister segment) => segment.IsBig ? uint.MaxValue : ushort.MaxValue;
}
