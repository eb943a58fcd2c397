namespace Harness.Isa;

/// <summary>The segment registers, in the order of their encoding, then the two system segment registers.</summary>
public enum SegmentName : byte
{
    ES,
    CS,
    SS,
    DS,
    FS,
    GS,
    LDTR,
    TR,
}

/// <summary>
/// Access rights in the layout of the VMCS (SDM Vol. 3C, 24.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16.
/// </summary>
public static class AccessRights
{
    public const uint Accessed = 1;

    /// <summary>Data: writable. Code: readable.</summary>
    public const uint WritableOrReadable = 2;

    /// <summary>Data: expand-down. Code: conforming.</summary>
    public const uint ExpandDownOrConforming = 4;
    public const uint Code = 8;
    public const uint TypeMask = 0xF;

    /// <summary>Code or data rather than system.</summary>
    public const uint S = 0x10;
    public const uint DplMask = 0x60;
    public const int DplShift = 5;
    public const uint P = 0x80;
    public const uint AVL = 0x1000;
    public const uint L = 0x2000;

    /// <summary>D for code, B for stack and expand-down segments.</summary>
    public const uint DB = 0x4000;
    public const uint G = 0x8000;
    public const uint Unusable = 0x10000;

    /// <summary>A present, accessed, read/write data segment of DPL 0.</summary>
    public const uint RealModeData = P | S | WritableOrReadable | Accessed;
}

/// <summary>A segment register with its hidden part, the descriptor cache (SDM Vol. 3A, 3.4.3).</summary>
public struct SegmentRegister
{
    /// <summary>First offset past what a data read may touch, for the fast path; 0 sends every access to the slow path.</summary>
    public ulong ReadEnd;

    /// <summary>First offset past what a write may touch, for the fast path; 0 sends every access to the slow path.</summary>
    public ulong WriteEnd;
    public uint Base;

    /// <summary>In bytes, the granularity applied.</summary>
    public uint Limit;

    /// <summary>As <see cref="AccessRights"/>.</summary>
    public uint Rights;
    public ushort Selector;

    /// <summary>A bit for each type of code or data segment (SDM Vol. 3A, Table 3-1): expand-up data, and readable code.</summary>
    private const uint ReadableTypes = 0b1100_1100_0000_1111;

    /// <summary>Likewise: writable expand-up data.</summary>
    private const uint WritableTypes = 0b1100;

    public readonly int Dpl => (int)(Rights & AccessRights.DplMask) >> AccessRights.DplShift;
    public readonly bool IsUsable => (Rights & AccessRights.Unusable) == 0;

    /// <summary>D of a code segment, B of a stack: 32-bit default.</summary>
    public readonly bool IsBig => (Rights & AccessRights.DB) != 0;
    public readonly bool IsCode => (Rights & (AccessRights.S | AccessRights.Code)) == (AccessRights.S | AccessRights.Code);
    public readonly bool IsExpandDown =>
        (Rights & (AccessRights.S | AccessRights.Code | AccessRights.ExpandDownOrConforming)) == (AccessRights.S | AccessRights.ExpandDownOrConforming);

    /// <summary>Loads the hidden part whole and derives what the fast path compares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ushort selector, uint @base, uint limit, uint rights)
    {
        Selector = selector;
        Base = @base;
        Limit = limit;
        Rights = rights;
        Derive();
    }

    /// <summary>Loads a code or data segment from its descriptor, which is marked accessed (SDM Vol. 3A, 3.4.5.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ushort selector, Descriptor descriptor) => Set(selector, descriptor.Base, descriptor.Limit, descriptor.Rights | AccessRights.Accessed);

    /// <summary>Derives <see cref="ReadEnd"/> and <see cref="WriteEnd"/>; call it after changing limit or rights alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Derive()
    {
        bool accessible = (Rights & (AccessRights.Unusable | AccessRights.P | AccessRights.S)) == (AccessRights.P | AccessRights.S);
        ulong end = accessible ? Limit + 1ul : 0;
        int type = (int)(Rights & AccessRights.TypeMask);
        ReadEnd = (ReadableTypes >> type & 1) * end;
        WriteEnd = (WritableTypes >> type & 1) * end;
    }

    /// <summary>Whether an access of <paramref name="size"/> bytes at <paramref name="offset"/> is allowed (SDM Vol. 3A, 5.3 and 5.5).</summary>
    public readonly bool Allows(uint offset, uint size, bool write)
    {
        if (!IsUsable || (Rights & (AccessRights.P | AccessRights.S)) != (AccessRights.P | AccessRights.S))
        {
            return false;
        }

        bool code = (Rights & AccessRights.Code) != 0;
        bool second = (Rights & AccessRights.WritableOrReadable) != 0;
        if (write ? code || !second : code && !second)
        {
            return false;
        }

        ulong last = (ulong)offset + size - 1;
        return IsExpandDown ? offset > Limit && last <= (IsBig ? uint.MaxValue : 0xFFFFu) : last <= Limit;
    }
}

/// <summary>GDTR or IDTR.</summary>
public struct DescriptorTableRegister
{
    public uint Base;
    public ushort Limit;
}
