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

/// <summary>Page tables of 4-KiB and large pages, filled in C# and emitted as data.</summary>
public sealed class PageTables
{
    private const uint PageBytes = 4096;
    private const uint Present = 1;
    private const uint PageSize = 0x80;
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

    /// <summary>
    /// Maps whole large pages, of 4 MiB or under PAE of 2 MiB; an address that is mapped already gets the new translation. Without PAE the guest has to set CR4.PSE.
    /// </summary>
    public void MapLarge(uint linear, uint physical, uint bytes, PageRights access)
    {
        uint span = _paging == GuestPaging.Pae ? 1u << 21 : 1u << 22;
        if ((linear | physical | bytes) % span != 0)
        {
            throw new GuestBuildException($"A mapping by large pages expects multiples of {span:X}h; found {bytes:X}h bytes from {linear:X}h to {physical:X}h.");
        }

        for (uint done = 0; done < bytes; done += span)
        {
            (ulong[] directory, uint index) = DirectoryOf(linear + done);
            directory[index] = (physical + done) | (uint)access | PageSize | Present;
        }
    }

    /// <summary>Where the directory entry of an address lies, physical: of a large page, or of the table that has the entries of small ones.</summary>
    public uint DirectoryEntryAddress(uint linear) => AddressOf(DirectoryOf(linear));

    /// <summary>Where the entry of a page lies, physical; its table is made if there is none.</summary>
    public uint EntryAddress(uint linear) => AddressOf(TableOf(linear));

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

    private uint AddressOf((ulong[] Table, uint Index) entry) =>
        Directory + (uint)_pages.IndexOf(entry.Table) * PageBytes + entry.Index * (uint)EntryBytes;

    private (ulong[] Directory, uint Index) DirectoryOf(uint linear)
    {
        if (_paging == GuestPaging.Paging32)
        {
            return (_pages[0], linear >> 22);
        }

        // Page-directory-pointer entries have no access rights: bits 1 and 2 are reserved (SDM Vol. 3A, Table 4-8).
        return (Next(_pages[0], linear >> 30, PageRights.None), linear >> 21 & 0x1FF);
    }

    private (ulong[] Table, uint Index) TableOf(uint linear)
    {
        (ulong[] directory, uint index) = DirectoryOf(linear);
        return (Next(directory, index, PageRights.Write | PageRights.User), linear >> 12 & (PageBytes / (uint)EntryBytes - 1));
    }

    // The rights are decided by the last level alone.
    private ulong[] Next(ulong[] table, uint index, PageRights access)
    {
        if (table[index] == 0)
        {
            table[index] = NewPage() | (uint)access | Present;
        }

        if ((table[index] & PageSize) != 0)
        {
            throw new GuestBuildException("Small pages cannot be mapped where a large page is mapped already.");
        }

        return _pages[(int)((((uint)table[index] & ~(PageBytes - 1)) - Directory) / PageBytes)];
    }

    private uint NewPage()
    {
        _pages.Add(new ulong[PageBytes / EntryBytes]);
        return Directory + (uint)(_pages.Count - 1) * PageBytes;
    }
}
