namespace Harness.Engines;

/// <summary>Large entries (SDM Vol. 3A, Tables 4-4 and 4-9): one for a large page of the guest, or for a part of it, as long as nothing in it needs an entry of its own.</summary>
internal sealed partial class ShadowPages
{
    /// <summary>Where large frames are mapped, as <see cref="_mapped"/>.</summary>
    private readonly Dictionary<uint, List<uint>> _mappedLarge = [];

    private uint LargeMask => (1u << Space.TableShift) - 1;

    /// <summary>
    /// The host frame of the large entry that may map the linear address: the guest maps it by a large page, whose memory is all RAM, lies together, and has nothing
    /// in it that is traced. Null: it has to be a small one.
    /// </summary>
    private uint? LargeFrame(uint linear, in PageWalk walk)
    {
        Shadow shadow = _shadows[InUse];
        int guestShift = (emulator.System.Cr4 & Cr4.PAE) != 0 ? 21 : 22;
        if (!Space.HasLarge || !walk.IsLarge || guestShift < Space.TableShift || shadow.Mapped[linear >> Space.TableShift] > 0)
        {
            return null;
        }

        uint first = (uint)walk.Physical.Value & ~LargeMask;
        uint? frame = null;
        for (uint offset = 0; offset <= LargeMask; offset += PageSize)
        {
            // What is not there must not be fetched for being looked at.
            var page = new GuestPhysicalAddress(first + offset);
            if (!memory.IsWritable(page) || memory.Translate(page, write: false) is not { } found)
            {
                if ((Omitted & Protection.LargeEntries) != 0)
                {
                    continue;
                }

                return null;
            }

            frame ??= (uint)found.Value;
            bool traced = (Omitted & Protection.Trace) == 0 && IsTraced((uint)found.Value);
            if (traced || found.Value != frame + offset || (frame & LargeMask) != 0)
            {
                return null;
            }
        }

        return frame;
    }

    private void MapLarge(uint linear, uint frame, ulong rights)
    {
        Shadow shadow = _shadows[InUse];
        uint first = linear & ~LargeMask;
        ref uint table = ref shadow.Tables[first >> Space.TableShift];
        DropLarge(InUse, first);
        if (table != 0)
        {
            _free.Push(table);
            table = 0;
            host.InvalidatePage(new LinearAddress(first));
        }

        WriteLarge(shadow, first, frame | PageEntry.P | PageEntry.PS | rights);
        Note(_mappedLarge, frame, first + InUse);
    }

    private void WriteLarge(Shadow shadow, uint first, ulong entry)
    {
        shadow.Large[first >> shadow.Space.TableShift] = entry;
        shadow.Space.WriteDirectory(host.Memory, first, entry);
    }

    /// <summary>Forgets the large entry that maps a linear address, if one does.</summary>
    private void DropLarge(uint number, uint linear)
    {
        Shadow shadow = _shadows[number];
        ulong entry = shadow.Large[linear >> shadow.Space.TableShift];
        if (entry != 0)
        {
            uint first = linear & ~LargeMask;
            WriteLarge(shadow, first, 0);
            _mappedLarge[(uint)entry & ~LargeMask].Remove(first + number);
            host.InvalidatePage(new LinearAddress(first));
        }
    }

    /// <summary>
    /// Puts small entries in the place of the large ones that map a frame, because one of them is about to become another's: the rights are those of the large entry,
    /// which was there for writing only if the guest's dirty bit was set. Where there is no room for a table they will be filled one by one.
    /// </summary>
    private void SplitAround(uint frame)
    {
        if (!_mappedLarge.TryGetValue(frame & ~LargeMask, out List<uint>? places))
        {
            return;
        }

        foreach (uint place in places.ToArray())
        {
            (uint number, uint first) = (place & LargeMask, place & ~LargeMask);
            ulong entry = _shadows[number].Large[first >> Space.TableShift];
            DropLarge(number, first);

            // The last one belongs to the page that is being filled.
            if (Room < 2)
            {
                continue;
            }

            AddTable(number, first);
            ulong rights = entry & (PageEntry.RW | PageEntry.US | PageEntry.XD);
            for (uint offset = 0; offset <= LargeMask; offset += PageSize)
            {
                Enter(number, first + offset, ((uint)entry & ~LargeMask) + offset, rights);
            }
        }
    }
}
