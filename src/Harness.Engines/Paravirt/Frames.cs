namespace Harness.Engines.Paravirt;

/// <summary>What a frame of the guest may be used for; one thing at a time.</summary>
internal enum FrameType
{
    /// <summary>Nothing that counts: it may become anything.</summary>
    None,

    /// <summary>Mapped for writing.</summary>
    Writable,
    PageTable,
    PageDirectory,
    DescriptorTable,
}

/// <summary>The frames of host memory that are the guest's, with the type of each and how many uses hold it to that type.</summary>
internal sealed class Frames
{
    public const uint PageBytes = 0x1000;
    private const uint PageMask = ~(PageBytes - 1);
    private const int PageShift = 12;
    private readonly GuestMemoryMap _memory;
    private readonly uint _first;
    private readonly uint _guestPages;
    private readonly Frame[] _frames;

    private record struct Frame(bool IsGuests, uint GuestAddress, FrameType Type, int Uses, bool IsPinned);

    public Frames(IHost host, GuestMemoryMap memory, long monitorBytes, long guestBytes)
    {
        _memory = memory;
        _first = (uint)(monitorBytes >> PageShift);
        _guestPages = (uint)(guestBytes >> PageShift);
        _frames = new Frame[(host.Memory.Length - monitorBytes) >> PageShift];
        for (uint page = 0; page < _guestPages; page++)
        {
            if (Translate(page << PageShift) is { } frame)
            {
                ref Frame found = ref At(frame);
                found = found with { IsGuests = true, GuestAddress = found.IsGuests ? found.GuestAddress : page << PageShift };
            }
        }
    }

    /// <summary>Guest-physical pages, with memory behind them or not.</summary>
    public uint GuestPages => _guestPages;

    /// <summary>The host frame behind a guest-physical address; null: outside of the guest's memory.</summary>
    public uint? Find(uint guestAddress) =>
        guestAddress >> PageShift < _guestPages && Translate(guestAddress & PageMask) is { } frame && At(frame).IsGuests ? frame : null;

    /// <summary>The guest-physical address of one of the guest's frames.</summary>
    public uint GuestAddressOf(uint frame) => At(frame).GuestAddress;

    public FrameType TypeOf(uint frame) => At(frame).Type;

    /// <summary>A device may write to a page of the guest by itself: no table is in it that the processor takes as checked.</summary>
    public bool MayReachByDevice(uint guestAddress) => Find(guestAddress) is { } frame && TypeOf(frame) is FrameType.None or FrameType.Writable;

    /// <summary>One more use of a type. False: it is in use as something else. <paramref name="isFirst"/>: so far it had no type.</summary>
    public bool TryUse(uint frame, FrameType type, out bool isFirst)
    {
        ref Frame found = ref At(frame);
        isFirst = found.Uses == 0;
        if (!isFirst && found.Type != type)
        {
            return false;
        }

        found = found with { Type = type, Uses = found.Uses + 1 };
        return true;
    }

    /// <summary>One use less. True: it was the last.</summary>
    public bool Release(uint frame)
    {
        ref Frame found = ref At(frame);
        found = found with { Uses = found.Uses - 1, Type = found.Uses == 1 ? FrameType.None : found.Type };
        return found.Uses == 0;
    }

    /// <summary>False: it was so already.</summary>
    public bool SetPinned(uint frame, bool isPinned)
    {
        ref Frame found = ref At(frame);
        bool changes = found.IsPinned != isPinned;
        found = found with { IsPinned = isPinned };
        return changes;
    }

    private ref Frame At(uint frame) => ref _frames[(frame >> PageShift) - _first];

    /// <summary>Memory that is the same for reading and for writing: no ROM, no device.</summary>
    private uint? Translate(uint guestAddress)
    {
        var address = new GuestPhysicalAddress(guestAddress);
        return _memory.Translate(address, write: true) is { } found && _memory.Translate(address, write: false) == found ? (uint)found.Value : null;
    }
}
