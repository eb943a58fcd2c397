namespace Harness.Isa;

/// <summary>The operating modes that semantics tell apart (SDM Vol. 3A, 2.2).</summary>
public static class Mode
{
    /// <summary>Real-address mode: CR0.PE is clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsReal<TPort>(ref TPort port) where TPort : struct, IPort => (port.System.Cr0 & Cr0.PE) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsVirtual8086<TPort>(ref TPort port) where TPort : struct, IPort => (port.NonStatusFlags & Eflags.VM) != 0;

    /// <summary>Protected mode proper: neither real-address nor virtual-8086 mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProtected<TPort>(ref TPort port) where TPort : struct, IPort => !IsReal(ref port) && !IsVirtual8086(ref port);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Iopl<TPort>(ref TPort port) where TPort : struct, IPort => (int)(port.NonStatusFlags & Eflags.IOPL) >> Eflags.IoplShift;

    /// <summary>The bits of EFLAGS of a model that has these features (SDM Vol. 3B, 22.22).</summary>
    public static uint DefinedFlags(Predicate<Feature> has)
    {
        uint missing = has(Feature.I486) ? 0 : Eflags.AC;
        missing |= has(Feature.Cpuid) ? 0 : Eflags.ID;
        missing |= has(Feature.Vme) ? 0 : Eflags.VIF | Eflags.VIP;
        return Eflags.Defined & ~missing;
    }
}
