namespace Harness.NativeOracle;

/// <summary>One code or data descriptor of the LDT that every case sees, with DPL 3 and the accessed bit set (SDM Vol. 3A, 3.4.5).</summary>
/// <param name="Name">What the reproduction text calls it.</param>
/// <param name="Base">Linear base address.</param>
/// <param name="Limit">The raw 20-bit limit field.</param>
/// <param name="Type">The 4-bit type field, bit 0 (accessed) always set.</param>
/// <param name="Big">The D/B flag.</param>
/// <param name="Granular">The G flag: the limit counts 4 KiB units.</param>
/// <param name="Present">The P flag.</param>
public readonly record struct Descriptor(string Name, uint Base, uint Limit, int Type, bool Big, bool Granular = false, bool Present = true)
{
    /// <summary>Whether this is a code segment (type bit 3).</summary>
    public bool IsCode => (Type & 8) != 0;

    /// <summary>Whether data may be written through it (type bit 1 of a data segment).</summary>
    public bool IsWritable => !IsCode && (Type & 2) != 0;

    /// <summary>Whether data may be read through it: every data segment, and code with type bit 1.</summary>
    public bool IsReadable => !IsCode || (Type & 2) != 0;

    /// <summary>Whether it is an expand-down data segment.</summary>
    public bool IsExpandDown => !IsCode && (Type & 4) != 0;

    /// <summary>The effective limit in bytes.</summary>
    public uint EffectiveLimit => Granular ? (Limit << 12) | 0xFFF : Limit;

    /// <summary>The eight bytes of the descriptor as they lie in a descriptor table.</summary>
    public ulong Raw => (Limit & 0xFFFF) | ((ulong)(Base & 0xFFFFFF) << 16) | ((ulong)Type << 40) | (1UL << 44) | (3UL << 45)
        | ((Present ? 1UL : 0) << 47) | ((ulong)(Limit >> 16) << 48) | ((Big ? 1UL : 0) << 54) | ((Granular ? 1UL : 0) << 55) | ((ulong)(Base >> 24) << 56);
}

/// <summary>What a page of the world permits in ring 3.</summary>
public enum PagePermission
{
    /// <summary>Readable, executable; no case writes it.</summary>
    Code,

    /// <summary>Readable and writable.</summary>
    ReadWrite,

    /// <summary>Readable only.</summary>
    ReadOnly,
}

/// <summary>A run of pages with one permission.</summary>
/// <param name="Address">Linear address of the first byte.</param>
/// <param name="Size">Bytes, a multiple of 4096.</param>
/// <param name="Permission">What ring 3 may do.</param>
public readonly record struct Region(uint Address, uint Size, PagePermission Permission);

/// <summary>
/// The surroundings of every case, equal for the processor and for the machine that it judges: CPL 3, IOPL 0, CR0.AM=1, no I/O permission, an IDT
/// of 256 present gates with DPL 0 except 3 and 4 (DPL 3), the pages of <see cref="Regions"/> and nothing else mapped, flat DPL 3 segments
/// <see cref="FlatCode"/> and <see cref="FlatData"/> in the GDT, DPL 0 code and data at 10h and 18h, a GDT limit below FFF8h and the LDT of <see cref="Descriptors"/>.
/// </summary>
public static class World
{
    /// <summary>Bytes of a page.</summary>
    public const uint PageSize = 0x1000;

    /// <summary>The page that holds the instruction; the page behind it is not mapped.</summary>
    public const uint CodeBase = 0x00100000;

    /// <summary>Base of the 64 KiB window that holds the data and stack pages.</summary>
    public const uint Window = 0x00200000;

    /// <summary>Offset in the window of the two writable data pages; what lies below is not mapped.</summary>
    public const uint Data = 0x1000;

    /// <summary>Offset in the window of the read-only page; the page behind it is not mapped.</summary>
    public const uint ReadOnly = 0x3000;

    /// <summary>Offset in the window of the two stack pages; their neighbours are not mapped.</summary>
    public const uint Stack = 0x9000;

    /// <summary>Offset in the window of the page in which 16-bit stacks wrap around.</summary>
    public const uint Top = 0xF000;

    /// <summary>Selector of the flat 32-bit code segment.</summary>
    public const ushort FlatCode = 0x23;

    /// <summary>Selector of the flat data segment.</summary>
    public const ushort FlatData = 0x2B;

    /// <summary>What fills the code page around the instruction: INT3.</summary>
    public const byte Filler = 0xCC;

    /// <summary>Everything that is mapped, in ascending order.</summary>
    public static IReadOnlyList<Region> Regions { get; } =
    [
        new(CodeBase, 0x1000, PagePermission.Code),
        new(Window + Data, 0x2000, PagePermission.ReadWrite),
        new(Window + ReadOnly, 0x1000, PagePermission.ReadOnly),
        new(Window + Stack, 0x2000, PagePermission.ReadWrite),
        new(Window + Top, 0x1000, PagePermission.ReadWrite),
    ];

    /// <summary>The LDT, entry 0 first; its limit ends with the last entry.</summary>
    public static IReadOnlyList<Descriptor> Descriptors { get; } =
    [
        new("data16", Window, 0xFFFF, 0x3, false),
        new("data32", Window, 0xFFFF, 0x3, true),
        new("code16", CodeBase, 0xFFFF, 0xB, false),
        new("code16-short", CodeBase, 0x7FF, 0xB, false),
        new("code32-short-execute-only", CodeBase, 0x7FF, 0x9, true),
        new("data-read-only", Window, 0xFFFF, 0x1, true),
        new("data32-expand-down", Window, 0x17FF, 0x7, true),
        new("data32-short", Window, 0x17FF, 0x3, true),
        new("data-not-present", Window, 0xFFFF, 0x3, true, Present: false),
        new("code-readable-data", Window, 0xFFFF, 0xB, false),
        new("code-execute-only", Window, 0xFFFF, 0x9, true),
        new("data16-expand-down", Window, 0x17FF, 0x7, false),
        new("code-not-present", CodeBase, 0xFFFF, 0xB, true, Present: false),
        new("data-granular", Window, 0xF, 0x3, true, Granular: true),
    ];

    private static readonly Descriptor _flatCode = new("flat-code", 0, 0xFFFFF, 0xB, true, true);
    private static readonly Descriptor _flatData = new("flat-data", 0, 0xFFFFF, 0x3, true, true);

    /// <summary>Selector of an LDT entry, with RPL 3.</summary>
    /// <param name="index">Index in <see cref="Descriptors"/>.</param>
    public static ushort Selector(int index) => (ushort)((index << 3) | 7);

    /// <summary>The descriptor that a selector names, or null for a null, privileged or absent one.</summary>
    /// <param name="selector">A selector; its RPL is ignored.</param>
    public static Descriptor? Find(ushort selector)
    {
        if ((selector & 4) != 0)
        {
            return (selector >> 3) < Descriptors.Count ? Descriptors[selector >> 3] : null;
        }

        return (selector & ~3) switch
        {
            FlatCode & ~3 => _flatCode,
            FlatData & ~3 => _flatData,
            _ => null,
        };
    }

    /// <summary>What a byte of the data and stack pages holds before a case sets its own bytes.</summary>
    /// <param name="address">Linear address.</param>
    public static byte Background(uint address)
    {
        uint x = address * 0x9E3779B1;
        x = (x ^ (x >> 15)) * 0x85EBCA6B;
        return (byte)(x >> 24);
    }

    /// <summary>The bytes that a region holds before a case sets its own.</summary>
    /// <param name="region">One of <see cref="Regions"/>.</param>
    public static byte[] Content(Region region)
    {
        byte[] content = new byte[region.Size];
        for (uint i = 0; i < region.Size; i++)
        {
            content[i] = region.Permission == PagePermission.Code ? Filler : Background(region.Address + i);
        }

        return content;
    }

    /// <summary>The permission at a linear address, or null where nothing is mapped.</summary>
    /// <param name="address">Linear address.</param>
    public static PagePermission? Permission(uint address)
    {
        foreach (Region region in Regions)
        {
            if (address - region.Address < region.Size)
            {
                return region.Permission;
            }
        }

        return null;
    }
}
