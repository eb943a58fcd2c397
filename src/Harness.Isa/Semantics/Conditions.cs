namespace Harness.Isa;

/// <summary>The sixteen conditions (SDM Vol. 1, Appendix B).</summary>
public static class Conditions
{
    private static readonly Type[] InEncodingOrder =
    [
        typeof(Overflow), typeof(NotOverflow), typeof(Below), typeof(AboveOrEqual), typeof(Equal), typeof(NotEqual), typeof(BelowOrEqual), typeof(Above),
        typeof(Sign), typeof(NotSign), typeof(Parity), typeof(NotParity), typeof(Less), typeof(GreaterOrEqual), typeof(LessOrEqual), typeof(Greater),
    ];

    /// <summary>
    /// The <see cref="ICondition"/> of a code that Iced gives for Jcc, SETcc and CMOVcc; Iced numbers them in encoding order, after
    /// <see cref="ConditionCode.None"/>, for which there is no condition.
    /// </summary>
    public static Type Of(ConditionCode code) => InEncodingOrder[code - ConditionCode.o];

    public readonly struct Overflow : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.OF;
    }

    public readonly struct NotOverflow : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !flags.OF;
    }

    public readonly struct Below : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.CF;
    }

    public readonly struct AboveOrEqual : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !flags.CF;
    }

    public readonly struct Equal : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.ZF;
    }

    public readonly struct NotEqual : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !flags.ZF;
    }

    public readonly struct BelowOrEqual : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.CF | flags.ZF;
    }

    public readonly struct Above : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !(flags.CF | flags.ZF);
    }

    public readonly struct Sign : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.SF;
    }

    public readonly struct NotSign : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !flags.SF;
    }

    public readonly struct Parity : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.PF;
    }

    public readonly struct NotParity : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !flags.PF;
    }

    public readonly struct Less : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.SF != flags.OF;
    }

    public readonly struct GreaterOrEqual : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.SF == flags.OF;
    }

    public readonly struct LessOrEqual : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => flags.ZF | flags.SF != flags.OF;
    }

    public readonly struct Greater : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Holds(in LazyFlags flags) => !(flags.ZF | flags.SF != flags.OF);
    }
}
