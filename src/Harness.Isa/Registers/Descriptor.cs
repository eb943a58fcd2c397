namespace Harness.Isa;

/// <summary>Types of system descriptors (SDM Vol. 3A, Table 3-2).</summary>
public static class SystemType
{
    public const uint AvailableTss16 = 1;
    public const uint Ldt = 2;
    public const uint BusyTss16 = 3;
    public const uint CallGate16 = 4;
    public const uint TaskGate = 5;
    public const uint InterruptGate16 = 6;
    public const uint TrapGate16 = 7;
    public const uint AvailableTss32 = 9;
    public const uint BusyTss32 = 11;
    public const uint CallGate32 = 12;
    public const uint InterruptGate32 = 14;
    public const uint TrapGate32 = 15;

    /// <summary>What distinguishes a busy TSS from an available one.</summary>
    public const uint BusyBit = 2;
}

/// <summary>An eight-byte descriptor as it lies in memory (SDM Vol. 3A, 3.4.5, 3.5 and 5.8.3).</summary>
public readonly record struct Descriptor(ulong Raw)
{
    public uint Low => (uint)Raw;
    public uint High => (uint)(Raw >> 32);
    public uint Type => High >> 8 & 0xF;

    /// <summary>Code or data rather than system.</summary>
    public bool IsCodeOrData => (High & 0x1000) != 0;
    public bool IsSystem => !IsCodeOrData;
    public bool IsCode => (High & 0x1800) == 0x1800;
    public bool IsData => (High & 0x1800) == 0x1000;
    public bool IsConforming => IsCode && (Type & 4) != 0;
    public bool IsReadable => IsData || (Type & 2) != 0;
    public bool IsWritableData => IsData && (Type & 2) != 0;
    public bool IsAccessed => (High & 0x100) != 0;
    public int Dpl => (int)(High >> 13 & 3);
    public bool IsPresent => (High & 0x8000) != 0;
    public uint Base => Low >> 16 | (High & 0xFF) << 16 | (High & 0xFF000000);

    /// <summary>In bytes, the granularity applied.</summary>
    public uint Limit
    {
        get
        {
            uint raw = (Low & 0xFFFF) | (High & 0xF0000);
            return (High & 0x800000) != 0 ? raw << 12 | 0xFFF : raw;
        }
    }

    /// <summary>In the layout of <see cref="AccessRights"/>.</summary>
    public uint Rights => High >> 8 & 0xF0FF;

    /// <summary>Gates: the target's selector.</summary>
    public ushort GateSelector => (ushort)(Low >> 16);

    /// <summary>Gates: the target's offset; the upper half counts in 32-bit gates only.</summary>
    public uint GateOffset => (Low & 0xFFFF) | (IsGate32 ? High & 0xFFFF0000 : 0);

    /// <summary>Call gates: parameters to copy, words or doublewords.</summary>
    public int GateParameters => (int)(High & 0x1F);
    public bool IsGate32 => (Type & 8) != 0;

    /// <summary>Builds a code, data, LDT or TSS descriptor. <paramref name="limit"/> is in bytes; above 1 MiB it is rounded up to pages.</summary>
    public static Descriptor Segment(uint @base, uint limit, uint rights)
    {
        bool pages = limit > 0xFFFFF;
        uint raw = pages ? limit >> 12 : limit;
        uint high = (@base & 0xFF000000) | (@base >> 16 & 0xFF) | (raw & 0xF0000) | ((rights & 0xF0FF & ~AccessRights.G) << 8) | (pages ? 0x800000u : 0);
        return new Descriptor((ulong)high << 32 | (@base << 16 | (raw & 0xFFFF)));
    }

    /// <summary>Builds a gate of <paramref name="type"/> (a <see cref="SystemType"/>).</summary>
    public static Descriptor Gate(ushort selector, uint offset, uint type, int dpl, int parameters = 0) =>
        new((ulong)((offset & 0xFFFF0000) | 0x8000u | (uint)dpl << 13 | type << 8 | (uint)parameters) << 32 | ((uint)selector << 16 | (offset & 0xFFFF)));
}
