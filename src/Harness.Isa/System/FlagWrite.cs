namespace Harness.Isa;

/// <summary>Which bits of EFLAGS POPF, IRET, CLI and STI may change, by mode and privilege (SDM Vol. 2, POPF, IRET, CLI, STI; Vol. 3B, 20.3).</summary>
public static class FlagWrite
{
    private const uint VirtualInterrupt = Eflags.VIF | Eflags.VIP;

    /// <summary>POPF and POPFD: <paramref name="image"/> is what was popped.</summary>
    public static bool Pop<TPort>(ref TPort port, uint image, bool wide) where TPort : struct, IPort
    {
        uint writable = port.DefinedFlags & ~(Eflags.VM | VirtualInterrupt | Eflags.RF);
        if (Mode.IsVirtual8086(ref port))
        {
            if (Mode.Iopl(ref port) < 3)
            {
                return PopVirtual(ref port, image, wide);
            }

            writable &= ~Eflags.IOPL;
        }
        else
        {
            writable &= ~Forbidden(ref port);
        }

        // RF is cleared whatever the image says.
        Replace(ref port, wide ? image : image & 0xFFFF, wide ? writable | Eflags.RF : writable & 0xFFFF, wide ? Eflags.RF : 0);
        return true;
    }

    /// <summary>IRET within protected mode, by the privilege level before the return.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Return<TPort>(ref TPort port, uint image, bool wide) where TPort : struct, IPort
    {
        uint writable = port.DefinedFlags & ~(Eflags.VM | Forbidden(ref port));
        if (port.Cpl != 0)
        {
            writable &= ~VirtualInterrupt;
        }

        Replace(ref port, image, wide ? writable : writable & 0xFFFF, 0);
    }

    /// <summary>IRET in real-address mode, and in virtual-8086 mode at IOPL 3, where IOPL itself stays.</summary>
    public static void ReturnReal<TPort>(ref TPort port, uint image, bool wide) where TPort : struct, IPort
    {
        uint writable = port.DefinedFlags & ~(Eflags.VM | VirtualInterrupt);
        if (Mode.IsVirtual8086(ref port))
        {
            writable &= ~Eflags.IOPL;
        }

        Replace(ref port, image, wide ? writable : writable & 0xFFFF, 0);
    }

    /// <summary>
    /// POPF and IRET in virtual-8086 mode below IOPL 3: 16 bits with CR4.VME go to VIF instead of IF, anything else is #GP(0)
    /// (SDM Vol. 3B, 20.3.3.4).
    /// </summary>
    public static bool PopVirtual<TPort>(ref TPort port, uint image, bool wide) where TPort : struct, IPort
    {
        bool enable = (image & Eflags.IF) != 0;
        if (wide
            || (port.System.Cr4 & Cr4.VME) == 0
            || (image & Eflags.TF) != 0
            || (enable && (port.NonStatusFlags & Eflags.VIP) != 0))
        {
            return port.Fault(Vector.GP);
        }

        const uint Writable = Eflags.Defined & 0xFFFF & ~(Eflags.IF | Eflags.IOPL);
        Replace(ref port, (image & 0xFFFF) | (enable ? Eflags.VIF : 0), Writable | Eflags.VIF, 0);
        return true;
    }

    /// <summary>CLI and STI: IF, or VIF under VME and PVI.</summary>
    public static bool SetInterruptFlag<TPort>(ref TPort port, bool enable) where TPort : struct, IPort
    {
        uint flags = port.NonStatusFlags;
        if (Mode.IsReal(ref port) || Mode.Iopl(ref port) >= port.Cpl)
        {
            if (enable && (flags & Eflags.IF) == 0)
            {
                port.InhibitInterrupts(false);
            }

            port.NonStatusFlags = enable ? flags | Eflags.IF : flags & ~Eflags.IF;
            return true;
        }

        uint extension = Mode.IsVirtual8086(ref port) ? Cr4.VME : Cr4.PVI;
        if (port.Cpl < 3 || (port.System.Cr4 & extension) == 0 || (enable && (flags & Eflags.VIP) != 0))
        {
            return port.Fault(Vector.GP);
        }

        port.NonStatusFlags = enable ? flags | Eflags.VIF : flags & ~Eflags.VIF;
        return true;
    }

    /// <summary>IF outside IOPL, IOPL outside CPL 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Forbidden<TPort>(ref TPort port) where TPort : struct, IPort =>
        (port.Cpl > Mode.Iopl(ref port) ? Eflags.IF : 0) | (port.Cpl > 0 ? Eflags.IOPL : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Replace<TPort>(ref TPort port, uint image, uint writable, uint clear) where TPort : struct, IPort =>
        port.Flags = ((port.Flags & ~writable) | (image & writable & ~clear)) | Eflags.Fixed;
}
