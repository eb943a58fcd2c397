using System.Buffers.Binary;

namespace Harness.Engines;

/// <summary>A guest's GDT or LDT as the monitor knows it, and its shadow in the monitor's memory. The guest's pages are traced, so that both stay equal.</summary>
internal sealed class ShadowTable(IHost host, GuestLinearMemory guest, ShadowPages pages, uint shadowAt, DirectExecution direct)
{
    private const uint PageMask = 0xFFFFF000;
    private const int EntrySize = 8;
    private readonly List<(uint Linear, uint? Frame)> _frames = [];
    private readonly List<int> _userCode = [];
    private Descriptor[] _guest = [];
    private uint _base;
    private bool _userRuns;

    /// <summary>Entries from here on are the monitor's.</summary>
    public int Reserved { get; set; } = int.MaxValue;

    public int Count => _guest.Length;

    /// <summary>Reads the guest's table whole and makes the shadow; what is not mapped counts as empty descriptors.</summary>
    public void Load(uint linear, int count)
    {
        _base = linear;
        _guest = new Descriptor[count];
        _userCode.Clear();
        Locate();
        Update(0, count);
    }

    /// <summary>After the guest's paging or memory map has changed: traces the table again, and reads it again if it lies elsewhere now or its memory was away.</summary>
    public void Refresh()
    {
        (uint, uint?)[] before = [.. _frames];
        Locate();
        if (!_frames.SequenceEqual(before) || before.Any(b => b.Item2 is { } frame && pages.WasLost(frame)))
        {
            Update(0, Count);
        }
    }

    /// <summary>Brings the shadow up to date after a write to guest memory at a host address.</summary>
    public void Written(uint address, int size)
    {
        foreach ((uint linear, uint? frame) in _frames)
        {
            if (frame == (address & PageMask))
            {
                long first = (long)linear + (address & ~PageMask) - _base;
                Update((int)Math.Max(0, first / EntrySize), (int)Math.Min(Count, (first + size - 1) / EntrySize + 1));
            }
        }
    }

    /// <summary>Lets user code descriptors be loaded only while the guest is in user mode.</summary>
    public void SetUserRuns(bool runs)
    {
        if (runs == _userRuns || !direct.TrapsUserReturn)
        {
            return;
        }

        _userRuns = runs;
        foreach (int index in _userCode)
        {
            WriteShadow(index);
        }
    }

    /// <summary>The guest's descriptor and its shadow; false beyond the table and where the monitor's descriptors are.</summary>
    public bool TryFind(int index, out Descriptor descriptor, out Descriptor shadow)
    {
        bool found = index < Math.Min(Count, Reserved);
        descriptor = found ? _guest[index] : default;
        shadow = found ? Shadow(index) : default;
        return found;
    }

    private void Locate()
    {
        _frames.Clear();
        for (ulong at = _base & PageMask; at < (ulong)_base + (ulong)Count * EntrySize; at += 0x1000)
        {
            _frames.Add(((uint)at, pages.Trace(new LinearAddress((uint)at))));
        }
    }

    private void Update(int first, int end)
    {
        if (end <= first)
        {
            return;
        }

        Span<byte> raw = new byte[(end - first) * EntrySize];
        for (int at = 0; at < raw.Length;)
        {
            uint linear = _base + (uint)(first * EntrySize + at);
            int done = guest.Read(new LinearAddress(linear), raw[at..], user: false);

            // A page that is not there: its descriptors count as empty.
            at += done == raw.Length - at ? done : done + (int)((~PageMask & ~(linear + (uint)done)) + 1);
        }

        for (int index = first; index < end; index++)
        {
            _guest[index] = new Descriptor(BinaryPrimitives.ReadUInt64LittleEndian(raw[((index - first) * EntrySize)..]));
            WriteShadow(index);
        }

        _userCode.Clear();
        for (int index = 0; index < Count; index++)
        {
            if (_guest[index] is { IsCode: true, Dpl: 3 })
            {
                _userCode.Add(index);
            }
        }
    }

    private Descriptor Shadow(int index) => ShadowDescriptor.Of(_guest[index], direct, direct.TrapsUserReturn && !_userRuns);

    private void WriteShadow(int index)
    {
        if (index < Reserved)
        {
            host.Memory.WriteUInt64(new HostPhysicalAddress(shadowAt + (ulong)index * EntrySize), Shadow(index).Raw);
        }
    }
}
