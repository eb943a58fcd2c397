using System.Buffers.Binary;

namespace Harness.Scenarios;

/// <summary>How a guest translates linear addresses.</summary>
public enum GuestPaging
{
    None,

    /// <summary>Two levels of 4-byte entries (SDM Vol. 3A, 4.3).</summary>
    Paging32,

    /// <summary>Three levels of 8-byte entries (SDM Vol. 3A, 4.4).</summary>
    Pae,
}

/// <summary>Who may use a page (SDM Vol. 3A, 4.6).</summary>
[Flags]
public enum PageRights
{
    /// <summary>Supervisor, read-only.</summary>
    None = 0,
    Write = 2,
    User = 4,
}

/// <summary>Page tables of 4-KiB pages, filled in C# and emitted as data.</summary>
public sealed class PageTables
{
    private const uint PageBytes = 4096;
    private const uint Present = 1;
    private readonly GuestPaging _paging;
    private readonly List<ulong[]> _pages = [];

    /// <summary>Pages are taken from <paramref name="address"/> up, a multiple of 4 KiB.</summary>
    public PageTables(GuestPaging paging, uint address)
    {
        if (paging == GuestPaging.None || address % PageBytes != 0)
        {
            throw new GuestBuildException($"Page tables expect a paging mode and an address that is a multiple of 1000h; found {paging} at {address:X}h.");
        }

        _paging = paging;
        Directory = address;
        NewPage();
    }

    /// <summary>The value for CR3.</summary>
    public uint Directory { get; }

    /// <summary>Maps whole pages; a page that is mapped already gets the new translation.</summary>
    public void Map(uint linear, uint physical, uint bytes, PageRights access)
    {
        if ((linear | physical | bytes) % PageBytes != 0)
        {
            throw new GuestBuildException($"A mapping expects multiples of 1000h; found {bytes:X}h bytes from {linear:X}h to {physical:X}h.");
        }

        for (uint done = 0; done < bytes; done += PageBytes)
        {
            (ulong[] table, uint index) = TableOf(linear + done);
            table[index] = (physical + done) | (uint)access | Present;
        }
    }

    /// <summary>Where the entry of a page lies, physical; its table is made if there is none.</summary>
    public uint EntryAddress(uint linear)
    {
        (ulong[] table, uint index) = TableOf(linear);
        return Directory + (uint)_pages.IndexOf(table) * PageBytes + index * (uint)EntryBytes;
    }

    /// <summary>Emits the tables at their addresses, by Org: what follows lies behind them.</summary>
    public void Emit(GuestAssembler a)
    {
        int size = EntryBytes;
        a.Org(Directory);
        foreach (ulong[] page in _pages)
        {
            var bytes = new byte[PageBytes];
            for (int i = 0; i < page.Length; i++)
            {
                if (size == 4)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * size), (uint)page[i]);
                }
                else
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * size), page[i]);
                }
            }

            a.Db(bytes);
        }
    }

    private int EntryBytes => _paging == GuestPaging.Pae ? 8 : 4;

    private (ulong[] Table, uint Index) TableOf(uint linear)
    {
        if (_paging == GuestPaging.Paging32)
        {
            return (Next(_pages[0], linear >> 22, PageRights.Write | PageRights.User), linear >> 12 & 0x3FF);
        }

        // Page-directory-pointer entries have no access rights: bits 1 and 2 are reserved (SDM Vol. 3A, Table 4-8).
        ulong[] directory = Next(_pages[0], linear >> 30, PageRights.None);
        return (Next(directory, linear >> 21 & 0x1FF, PageRights.Write | PageRights.User), linear >> 12 & 0x1FF);
    }

    // The rights are decided by the last level alone.
    private ulong[] Next(ulong[] table, uint index, PageRights access)
    {
        if (table[index] == 0)
        {
            table[index] = NewPage() | (uint)access | Present;
        }

        return _pages[(int)((((uint)table[index] & ~(PageBytes - 1)) - Directory) / PageBytes)];
    }

    private uint NewPage()
    {
        _pages.Add(new ulong[PageBytes / EntryBytes]);
        return Directory + (uint)(_pages.Count - 1) * PageBytes;
    }
}
