namespace Harness.Engines.Paravirt;

/// <summary>
/// The GDT of the processor: its first page is the guest's own table, checked, which only the monitor writes; behind it lie the monitor's descriptors and two flat
/// ones for a kernel that has registered no table yet.
/// </summary>
internal sealed class GuestDescriptors
{
    private const int FlatCodeSlot = MonitorRegion.Slots;
    private const int FlatDataSlot = MonitorRegion.Slots + 1;
    private const uint PageMask = 0xFFFFF000;
    private const int EntrySize = 8;
    private const uint Flat = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB
        | ParavirtInterface.KernelRing << AccessRights.DplShift;
    private readonly IHost _host;
    private readonly Frames _frames;
    private readonly MonitorRegion _region;
    private uint? _frame;
    private uint _bytes;

    public GuestDescriptors(IHost host, Frames frames, MonitorRegion region)
    {
        _host = host;
        _frames = frames;
        _region = region;
        region.Place((ushort)ParavirtInterface.GdtBytes, slots: FlatDataSlot + 1);
        const uint Limit = ParavirtInterface.MonitorStart - 1;
        region.WriteDescriptor(FlatCodeSlot, Descriptor.Segment(0, Limit, Flat | AccessRights.Code));
        region.WriteDescriptor(FlatDataSlot, Descriptor.Segment(0, Limit, Flat));
    }

    /// <summary>See <see cref="MonitorContext.Omitted"/>.</summary>
    public Protection Omitted { get; init; }

    public ushort FlatCode => SelectorOf(FlatCodeSlot);

    public ushort FlatData => SelectorOf(FlatDataSlot);

    /// <summary>Registers the guest's table, a page, and its limit.</summary>
    public int Set(uint guestAddress, uint limit)
    {
        if (guestAddress % ParavirtInterface.GdtBytes != 0 || limit >= ParavirtInterface.GdtBytes || limit % EntrySize != EntrySize - 1
            || _frames.Find(guestAddress) is not { } frame)
        {
            return HypercallResult.BadArgument;
        }

        if (!_frames.TryUse(frame, FrameType.DescriptorTable, out _))
        {
            return HypercallResult.NotPermitted;
        }

        // All of the page, whatever the guest's limit: the processor's reaches to the monitor's descriptors behind it.
        for (uint at = 0; at < ParavirtInterface.GdtBytes; at += EntrySize)
        {
            if (!IsHarmless(ReadAt(frame + at)))
            {
                _frames.Release(frame);
                return HypercallResult.NotPermitted;
            }
        }

        return Use(frame, limit + 1);
    }

    public int Update(uint guestAddress, Descriptor descriptor)
    {
        if (guestAddress % EntrySize != 0 || _frames.Find(guestAddress) is not { } frame || frame != _frame || (guestAddress & ~PageMask) >= _bytes)
        {
            return HypercallResult.BadArgument;
        }

        if (!IsHarmless(descriptor))
        {
            return HypercallResult.NotPermitted;
        }

        _host.Memory.WriteUInt64(new HostPhysicalAddress(frame + (guestAddress & ~PageMask)), descriptor.Raw);
        return HypercallResult.Done;
    }

    /// <summary>The base of a segment by its selector; 0 where it names none.</summary>
    public uint BaseOf(ushort selector) => Find(selector)?.Base ?? 0;

    /// <summary>The size of operands and addresses in a code segment; one that is not the guest's is flat.</summary>
    public int BitsOf(ushort selector) => Find(selector) is { } code && (code.Rights & AccessRights.DB) == 0 ? 16 : 32;

    /// <summary>The last offset of a code segment; one that is not the guest's is flat.</summary>
    public uint LimitOf(ushort selector) => Find(selector)?.Limit ?? ParavirtInterface.MonitorStart - 1;

    /// <summary>
    /// The fault, with its error code, of an IRETD of the kernel's with these selectors (SDM Vol. 2A, IRET); null: there is none. Without SS it returns to the kernel.
    /// </summary>
    public (Vector Fault, uint Code)? FaultOfReturn(ushort cs, ushort? ss, uint eip)
    {
        if ((cs & ~Selector.RplMask) == (FlatCode & ~Selector.RplMask) && ss is null)
        {
            return null;
        }

        int ring = ss is null ? ParavirtInterface.KernelRing : Selector.Rpl(cs);
        if (Find(cs) is not { } code || !code.IsCode || (code.IsConforming ? code.Dpl > ring : code.Dpl != ring))
        {
            return (Vector.GP, ErrorCode(cs));
        }

        if (!code.IsPresent)
        {
            return (Vector.NP, ErrorCode(cs));
        }

        if (ss is { } stack)
        {
            if (Find(stack) is not { } found || Selector.Rpl(stack) != ring || !found.IsWritableData || found.Dpl != ring)
            {
                return (Vector.GP, ErrorCode(stack));
            }

            if (!found.IsPresent)
            {
                return (Vector.SS, ErrorCode(stack));
            }
        }

        return eip > code.Limit ? (Vector.GP, 0) : null;
    }

    private static uint ErrorCode(ushort selector) => (uint)(selector & ~Selector.RplMask);

    /// <summary>The descriptor of the guest's that a selector names; null: it is a null selector or names none.</summary>
    public Descriptor? Find(ushort selector)
    {
        uint offset = (uint)(selector & ~(EntrySize - 1));
        return offset != 0 && offset < _bytes && _frame is { } frame && !Selector.IsLocal(selector) ? ReadAt(frame + offset) : null;
    }

    /// <summary>Not present, or a segment of an outer ring that ends below the monitor's region.</summary>
    private bool IsHarmless(Descriptor descriptor) =>
        !descriptor.IsPresent
        || (Omitted & Protection.Descriptors) != 0
        || (descriptor.IsCodeOrData && descriptor.Dpl >= ParavirtInterface.KernelRing
            && !(descriptor.IsData && (descriptor.Type & AccessRights.ExpandDownOrConforming) != 0)
            && ((Omitted & Protection.LimitClip) != 0 || (ulong)descriptor.Base + descriptor.Limit < ParavirtInterface.MonitorStart));

    private int Use(uint frame, uint bytes)
    {
        if (_frame is { } old)
        {
            _frames.Release(old);
        }

        _frame = frame;
        _bytes = bytes;
        _region.MapGdt(0, frame);
        return HypercallResult.Done;
    }

    private Descriptor ReadAt(uint address) => new(_host.Memory.ReadUInt64(new HostPhysicalAddress(address)));

    private static ushort SelectorOf(int slot) => (ushort)(ParavirtInterface.GdtBytes + slot * EntrySize + ParavirtInterface.KernelRing);
}
