namespace Harness.Isa;

/// <summary>What LAR, LSL, VERR and VERW may learn about a descriptor (SDM Vol. 2, LAR, LSL, VERR; Vol. 3A, 5.10).</summary>
public static class DescriptorQuery
{
    /// <summary>System types that LAR accepts, a bit for each (SDM Vol. 2, LAR, table of valid types).</summary>
    public const uint LarTypes = LslTypes | 1u << (int)SystemType.CallGate16 | 1u << (int)SystemType.TaskGate | 1u << (int)SystemType.CallGate32;

    /// <summary>System types that LSL accepts: those with a limit.</summary>
    public const uint LslTypes = 1u << (int)SystemType.AvailableTss16 | 1u << (int)SystemType.Ldt | 1u << (int)SystemType.BusyTss16
        | 1u << (int)SystemType.AvailableTss32 | 1u << (int)SystemType.BusyTss32;

    /// <summary>
    /// Finds a code or data descriptor, or one of <paramref name="systemTypes"/>, that CPL and RPL let the program see. Only a page fault in the table makes
    /// it return false.
    /// </summary>
    public static bool Find<TPort>(ref TPort port, ushort selector, uint systemTypes, out Descriptor descriptor, out bool found)
        where TPort : struct, IPort
    {
        descriptor = default;
        found = false;
        if (Selector.IsNull(selector) || !DescriptorTable.TryLocate(ref port, selector, out uint linear))
        {
            return true;
        }

        if (!port.ReadSystem(linear, out ulong raw))
        {
            return false;
        }

        descriptor = new Descriptor(raw);
        bool valid = descriptor.IsCodeOrData || (systemTypes >> (int)descriptor.Type & 1) != 0;
        found = valid && (descriptor.IsConforming || descriptor.Dpl >= Math.Max(port.Cpl, Selector.Rpl(selector)));
        return true;
    }

    /// <summary>ZF alone.</summary>
    public static void SetZero<TPort>(ref TPort port, bool zero) where TPort : struct, IPort
    {
        uint status = port.StatusFlags.Status & ~Eflags.ZF;
        port.StatusFlags.SetStatus(zero ? status | Eflags.ZF : status);
    }
}
