using System.Buffers.Binary;

namespace Harness.Vmm;

/// <summary>
/// Content-based page sharing (Waldspurger, OSDI 2002, 4.2 and 4.3): pages with the same bytes, of whatever machine, are put into one frame that nobody may write. A table
/// leads from a 64-bit hash of the contents to a shared frame, or to a page that was seen with them (a hint): that page is still written to, so its bytes are
/// hashed again before it is believed. All bytes are compared before pages are put together, so that an equal hash of other bytes costs time and nothing else.
/// </summary>
internal sealed class PageSharing(HostMemory memory)
{
    private readonly Dictionary<ulong, int> _shared = [];
    private readonly Dictionary<int, ulong> _hashOf = [];
    private readonly Dictionary<ulong, int> _hints = [];

    /// <summary>Hints that turned out to be out of date.</summary>
    public long StaleHints { get; private set; }

    /// <summary>Looks for a page's bytes elsewhere, and leaves a hint if they are nowhere. False: the page stays alone.</summary>
    public bool Scan(int page)
    {
        ref HostPage p = ref memory[page];
        if (p.State != PageState.Present || memory.IsShared(p.Frame))
        {
            return false;
        }

        if (TryMerge(page))
        {
            return true;
        }

        _hints[HashOf(memory.Bytes(p.Frame))] = page;
        return false;
    }

    /// <summary>Puts a page that is in a frame of its own into a frame with the same bytes, if there is one.</summary>
    public bool TryMerge(int page)
    {
        ref HostPage p = ref memory[page];
        if (memory.IsShared(p.Frame))
        {
            return false;
        }

        ReadOnlySpan<byte> bytes = memory.Bytes(p.Frame);
        ulong hash = HashOf(bytes);
        if (_shared.TryGetValue(hash, out int frame) && bytes.SequenceEqual(memory.Bytes(frame)))
        {
            memory.Merge(page, frame);
            return true;
        }

        if (_shared.ContainsKey(hash) || !_hints.TryGetValue(hash, out int other) || other == page)
        {
            return false;
        }

        ref HostPage hinted = ref memory[other];
        if (hinted.State != PageState.Present || memory.IsShared(hinted.Frame) || !bytes.SequenceEqual(memory.Bytes(hinted.Frame)))
        {
            _hints.Remove(hash);
            StaleHints++;
            return false;
        }

        _hints.Remove(hash);
        _shared[hash] = hinted.Frame;
        _hashOf[hinted.Frame] = hash;
        memory.Merge(page, hinted.Frame);
        return true;
    }

    /// <summary>The frame's contents are nobody's any more, or one page's that may write to it.</summary>
    public void Remove(int frame)
    {
        if (_hashOf.Remove(frame, out ulong hash))
        {
            _shared.Remove(hash);
        }
    }

    /// <summary>64 bits over a page, eight bytes at a time: a multiplication by an odd constant and a rotation mix each word in.</summary>
    internal static ulong HashOf(ReadOnlySpan<byte> page)
    {
        ulong hash = 0x9E3779B97F4A7C15;
        for (int at = 0; at < page.Length; at += sizeof(ulong))
        {
            hash = ulong.RotateLeft((hash ^ BinaryPrimitives.ReadUInt64LittleEndian(page[at..])) * 0x9FB21C651E98DF25, 29);
        }

        return hash ^ (hash >> 32);
    }
}
