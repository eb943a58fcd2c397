namespace Harness.Isa.Instructions;

/// <summary>Decimal adjust of AL after subtraction. OF is undefined (SDM Vol. 2A, DAS).</summary>
[Encodings(Code.Das)]
public readonly struct Das : IDecimal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<TFlags>(ref ushort ax, byte immediate, ref TFlags flags)
        where TFlags : struct, IFlags
    {
        byte al = (byte)ax;
        bool low = (al & 0xF) > 9 || flags.AF;
        bool high = al > 0x99 || flags.CF;
        byte result = (byte)(al - (low ? 0x06 : 0) - (high ? 0x60 : 0));
        ax = (ushort)((ax & 0xFF00) | result);

        // The borrow of AL - 6 reaches CF too.
        bool borrow = high || (low && al < 6);
        flags.SetLogic(result);
        flags.SetStatus(flags.Status | (low ? Eflags.AF : 0) | (borrow ? Eflags.CF : 0));
        flags.Undefined(Eflags.OF);
        return true;
    }
}
