namespace Harness.Engines.Vtx;

/// <summary>How the guest's present mode is run on a processor whose non-root operation needs CR0.PE and CR0.PG.</summary>
internal enum Regime
{
    /// <summary>Real mode as virtual-8086 mode.</summary>
    V86,

    /// <summary>Protected mode without paging, over an identity shadow.</summary>
    Unpaged,

    /// <summary>Protected mode over a shadow of the guest's page tables.</summary>
    Paged,

    /// <summary>A state that VM entry rejects, or of which virtual-8086 mode is no image: interpreted.</summary>
    Invalid,
}

/// <summary>Which regime a virtual state needs, and the regimes' names in records.</summary>
internal static class Regimes
{
    private const uint VectorTableLimit = 0x3FF;
    private const uint CodeRights = AccessRights.P | AccessRights.S;
    private const uint CodeMask = CodeRights | AccessRights.DB | AccessRights.Unusable;
    private const uint DataRights = CodeRights | AccessRights.WritableOrReadable;
    private const uint StackMask = CodeMask | (AccessRights.TypeMask & ~AccessRights.Accessed);

    /// <summary>The D/B flag of a data segment that grows up means nothing but to the stack (SDM Vol. 3A, 3.4.5).</summary>
    private const uint DataMask = StackMask & ~AccessRights.DB;

    public static string Name(Regime regime) => regime switch
    {
        Regime.V86 => "v86",
        Regime.Unpaged => "unpaged",
        Regime.Paged => "paged",
        _ => "invalid-guest-state",
    };

    public static Regime Of(Emulator emulator)
    {
        uint cr0 = emulator.System.Cr0;
        return (cr0 & Cr0.PE) == 0 ? (IsVirtual8086(emulator) ? Regime.V86 : Regime.Invalid)
            : (cr0 & Cr0.PG) == 0 ? Regime.Unpaged
            : Regime.Paged;
    }

    /// <summary>
    /// Segments as virtual-8086 mode loads them (SDM Vol. 3C, 26.3.1.2), and the vector table where its software interrupts look for it. A limit may be greater
    /// ("big real mode"): virtual-8086 mode has FFFFh, and what goes beyond faults there and is emulated with the guest's own.
    /// </summary>
    private static bool IsVirtual8086(Emulator emulator)
    {
        if (emulator.Idtr.Base != 0 || emulator.Idtr.Limit < VectorTableLimit || emulator.Eip > ushort.MaxValue)
        {
            return false;
        }

        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            ref SegmentRegister segment = ref emulator.Segment(name);
            bool plain = name switch
            {
                SegmentName.CS => (segment.Rights & CodeMask) == CodeRights,
                SegmentName.SS => (segment.Rights & StackMask) == DataRights,
                _ => (segment.Rights & DataMask) == DataRights,
            };
            if (!plain || segment.Base != (uint)segment.Selector << 4 || segment.Limit < ushort.MaxValue)
            {
                return false;
            }
        }

        return true;
    }
}
