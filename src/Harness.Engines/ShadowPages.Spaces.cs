namespace Harness.Engines;

/// <summary>The guest's address spaces: found again, made, forgotten.</summary>
internal sealed partial class ShadowPages
{
    /// <summary>A guest address space that has shadows, or room for one.</summary>
    private sealed class AddressSpace
    {
        /// <summary>Null: none.</summary>
        public PagingState? Key { get; set; }

        /// <summary>Number of the switch that put it in use.</summary>
        public long LastUse { get; set; }

        /// <summary>To its directories since it was in use.</summary>
        public int Writes { get; set; }

        /// <summary>Frames traced for it.</summary>
        public List<uint> Frames { get; } = [];

        /// <summary>Frames of its page tables by the first linear address that they map.</summary>
        public Dictionary<uint, uint> PageTables { get; } = [];
    }

    /// <summary>
    /// Follows a CR3 load, or whatever else changes what the guest's tables mean, to the shadows of the address space that is now the guest's.
    /// </summary>
    /// <returns>What became of them; null: the guest is where it was, or nothing is kept.</returns>
    public string? Switch()
    {
        if (_addressSpaces.Length == 1)
        {
            DropAll();
            return null;
        }

        PagingState key = KeyOf(emulator);
        if (_addressSpaces[_current].Key == key)
        {
            return null;
        }

        Changed = true;
        string result = "shadow-found";
        int place = Array.FindIndex(_addressSpaces, a => a.Key == key);
        if (place < 0)
        {
            result = "shadow-made";
            place = Array.FindIndex(_addressSpaces, a => a.Key is null);
        }

        if (place < 0)
        {
            result = "shadow-recycled";
            place = LeastRecentlyUsed();
            Forget(place);
        }

        _current = place;
        _addressSpaces[place].Key = key;
        _addressSpaces[place].LastUse = ++_switches;
        _addressSpaces[place].Writes = 0;
        return result;
    }

    /// <summary>Forgets all address spaces but the one in use, before a guest runs that may write to their tables untraced.</summary>
    public void DropOthers()
    {
        for (int i = LeastRecentlyUsed(); i >= 0; i = LeastRecentlyUsed())
        {
            Forget(i);
        }
    }

    /// <summary>
    /// The host has taken a frame from the guest, or the right to touch it. It may come in the midst of a walk: what was made of the frame goes before the guest
    /// does, in <see cref="Settle"/>.
    /// </summary>
    public void NoteFrame(HostPhysicalAddress frame, bool stays) => _stale.Add(((uint)frame.Value, stays));

    /// <summary>
    /// Forgets what was made of frames that the host has changed since. The guest's tables say what they said, but elsewhere: address spaces with a table in
    /// such a frame are made anew, and of what the monitor has copies it traces the frames again.
    /// </summary>
    public void Settle()
    {
        foreach ((uint frame, bool stays) in _stale)
        {
            Unmap(frame);
            if (stays)
            {
                continue;
            }

            if (_copiedFrames.Remove(frame))
            {
                Changed = true;
                _lostFrames.Add(frame);
            }

            if (_traced.TryGetValue(frame, out List<TracedTable>? tables))
            {
                foreach (int owner in tables.Select(t => t.Owner).Distinct().ToArray())
                {
                    Empty(owner);
                }
            }
        }

        _stale.Clear();
    }

    /// <summary>Forgets what is known of an address space, which stays in use if it was.</summary>
    private void Empty(int owner)
    {
        PagingState? key = _addressSpaces[owner].Key;
        Forget(owner);
        if (owner == _current)
        {
            _addressSpaces[owner].Key = key;
            Changed = true;
        }
    }

    /// <summary>Global pages change nothing for shadows that follow every write.</summary>
    private static PagingState KeyOf(Emulator emulator)
    {
        PagingState state = PagingState.Of(emulator);
        return state with { Cr4 = state.Cr4 & ~Cr4.PGE };
    }

    /// <summary>Gives back the shadow tables of an address space, and the guest's frames that are traced for it alone.</summary>
    private void Forget(int owner)
    {
        AddressSpace addressSpace = _addressSpaces[owner];
        for (uint number = (uint)(owner * shadowsEach); number < (uint)((owner + 1) * shadowsEach); number++)
        {
            Shadow shadow = _shadows[number];
            int shift = shadow.Space.TableShift;
            for (uint i = 0; i < (uint)shadow.Tables.Length; i++)
            {
                DropLarge(number, i << shift);
                if (shadow.Tables[i] != 0)
                {
                    DropRange(owner, (ulong)i << shift, 1ul << shift);
                    shadow.Space.WriteDirectory(host.Memory, i << shift, 0);
                    _free.Push(shadow.Tables[i]);
                    shadow.Tables[i] = 0;
                }
            }

            Flush(shadow.Space);
        }

        foreach (uint frame in addressSpace.Frames)
        {
            Untrace(frame, t => t.Owner == owner);
        }

        addressSpace.Frames.Clear();
        addressSpace.PageTables.Clear();
        addressSpace.Key = null;
    }

    /// <summary>Frames for shadow tables that are left.</summary>
    private long Room => _free.Count + (Space.TablesEnd - _next) / PageSize;

    /// <summary>Sees to it that there is a frame for one more shadow table.</summary>
    private void MakeRoom()
    {
        while (Room == 0)
        {
            if (LeastRecentlyUsed() is var oldest && oldest >= 0)
            {
                Forget(oldest);
            }
            else
            {
                DropAll();
            }
        }
    }

    /// <summary>Of the address spaces out of use; -1: there is none.</summary>
    private int LeastRecentlyUsed()
    {
        int oldest = -1;
        for (int i = 0; i < _addressSpaces.Length; i++)
        {
            if (i != _current && _addressSpaces[i].Key is not null && (oldest < 0 || _addressSpaces[i].LastUse < _addressSpaces[oldest].LastUse))
            {
                oldest = i;
            }
        }

        return oldest;
    }
}
