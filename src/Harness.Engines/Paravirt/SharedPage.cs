namespace Harness.Engines.Paravirt;

/// <summary>The flags that kernel and monitor share, in a page of the guest's. Until there is one, nothing is accepted.</summary>
internal sealed class SharedPage(IHost host, Frames frames)
{
    private uint? _frame;

    /// <summary>The kernel accepts no interrupts: the virtual IF is 0.</summary>
    public bool IsMasked
    {
        get => _frame is null || ReadByte(ParavirtInterface.Masked) != 0;
        set => WriteByte(ParavirtInterface.Masked, value);
    }

    /// <summary>An interrupt waits for the kernel to accept it.</summary>
    public bool IsPending
    {
        set => WriteByte(ParavirtInterface.Pending, value);
    }

    /// <summary>The ring has responses that the kernel has not been told of by this.</summary>
    public bool HasRingEvent
    {
        set => WriteByte(ParavirtInterface.RingEvent, value);
    }

    public uint Cr2
    {
        set => Write(ParavirtInterface.Cr2, value);
    }

    public uint Cr3
    {
        set => Write(ParavirtInterface.Cr3, value);
    }

    /// <summary>Uses a page from now on: as something that is written, so that it can be neither a page table nor a descriptor table.</summary>
    public int Set(uint guestAddress)
    {
        if (guestAddress % Frames.PageBytes != 0 || frames.Find(guestAddress) is not { } frame)
        {
            return HypercallResult.BadArgument;
        }

        if (!frames.TryUse(frame, FrameType.Writable, out _))
        {
            return HypercallResult.NotPermitted;
        }

        if (_frame is { } old)
        {
            frames.Release(old);
        }

        _frame = frame;
        IsMasked = true;
        return HypercallResult.Done;
    }

    /// <summary>The page is the one that is used.</summary>
    public bool IsAt(uint guestAddress) => _frame is { } frame && frames.Find(guestAddress) == frame;

    private byte ReadByte(uint offset)
    {
        Span<byte> value = stackalloc byte[1];
        host.Memory.Read(At(offset), value);
        return value[0];
    }

    private void WriteByte(uint offset, bool value)
    {
        if (_frame is not null && ReadByte(offset) != (value ? 1 : 0))
        {
            host.Memory.Write(At(offset), [value ? (byte)1 : (byte)0]);
        }
    }

    private void Write(uint offset, uint value)
    {
        if (_frame is not null)
        {
            host.Memory.WriteUInt32(At(offset), value);
        }
    }

    private HostPhysicalAddress At(uint offset) => new(_frame!.Value + offset);
}
