namespace Harness.Isa;

/// <summary>Descriptors in the GDT and in the current LDT (SDM Vol. 3A, 3.5.1).</summary>
public static class DescriptorTable
{
    /// <summary>Linear address of the descriptor; false when the table does not reach so far or there is no LDT.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryLocate<TPort>(ref TPort port, ushort selector, out uint linear) where TPort : struct, IPort
    {
        uint offset = selector & ~7u;
        uint last = selector | 7u;
        if (Selector.IsLocal(selector))
        {
            ref readonly SegmentRegister local = ref port.Segment(SegmentName.LDTR);
            linear = local.Base + offset;
            return local.IsUsable && last <= local.Limit;
        }

        linear = port.Gdtr.Base + offset;
        return last <= port.Gdtr.Limit;
    }

    /// <summary>Reads the descriptor; beyond its table it is <paramref name="vector"/>(selector), with EXT as <paramref name="external"/> says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Read<TPort>(ref TPort port, ushort selector, Vector vector, uint external, out uint linear, out Descriptor descriptor)
        where TPort : struct, IPort
    {
        descriptor = default;
        if (!TryLocate(ref port, selector, out linear))
        {
            return port.Fault(vector, Selector.ForErrorCode(selector) | external);
        }

        bool done = port.ReadSystem(linear, out ulong raw);
        descriptor = new Descriptor(raw);
        return done;
    }

    /// <summary>Sets the accessed bit in the table, unless it is set (SDM Vol. 3A, 3.4.5.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MarkAccessed<TPort>(ref TPort port, uint linear, Descriptor descriptor) where TPort : struct, IPort =>
        descriptor.IsAccessed || port.WriteSystem(linear + 5, (byte)(descriptor.High >> 8 | AccessRights.Accessed));

    /// <summary>Sets or clears the busy bit of a TSS descriptor in the table (SDM Vol. 3A, 7.2.2).</summary>
    public static bool SetBusy<TPort>(ref TPort port, uint linear, bool busy) where TPort : struct, IPort
    {
        if (!port.ReadSystem(linear + 5, out byte rights))
        {
            return false;
        }

        return port.WriteSystem(linear + 5, (byte)(busy ? rights | SystemType.BusyBit : rights & ~SystemType.BusyBit));
    }
}
