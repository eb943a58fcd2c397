namespace Harness.Isa;

/// <summary>What a transfer of control loads a segment for.</summary>
public enum SegmentRole
{
    HandlerCode,
    HandlerStack,
    ReturnCode,
    ReturnStack,
}

/// <summary>
/// The segment that was last loaded in a role, as it stands in its register. Checks and decoding depend on nothing but the descriptor, the selector and the
/// privilege level: while these stay as they were, a trap and its return need neither again. Descriptors themselves are read every time.
/// </summary>
public struct SegmentMemo
{
    private const uint Valid = 1u << 31;
    private const uint FromVirtual8086 = 1u << 20;
    private const int LevelShift = 16;
    private ulong _raw;
    private uint _key;

    /// <summary>The segment: of this role's last check that succeeded, whether it is known from then on or not.</summary>
    public SegmentRegister Segment;

    /// <summary>What the checks depend on beside the descriptor. <paramref name="level"/> is a privilege level, 0 to 3.</summary>
    public static uint Key(ushort selector, int level, bool fromVirtual8086 = false) =>
        selector | (uint)level << LevelShift | Valid | (fromVirtual8086 ? FromVirtual8086 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Knows(Descriptor descriptor, uint key) => _raw == descriptor.Raw && _key == key;

    /// <summary>A descriptor that was not marked accessed has to be marked each time that memory says so: it does not become known.</summary>
    public void Keep(Descriptor descriptor, uint key, ushort selector)
    {
        _raw = descriptor.Raw;
        _key = descriptor.IsAccessed ? key : 0;
        Segment.Set(selector, descriptor);
    }
}
