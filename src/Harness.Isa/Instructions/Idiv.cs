namespace Harness.Isa.Instructions;

/// <summary>
/// low = high:low / source, high = the remainder, signed, rounded towards zero. A quotient that does not fit is a divide error; all status flags are
/// undefined and stay here (SDM Vol. 2A, IDIV).
/// </summary>
[Encodings(Code.Idiv_rm8, Code.Idiv_rm16, Code.Idiv_rm32)]
public readonly struct Idiv : IWide
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TFlags>(ref T low, ref T high, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        long dividend = Width.SignExtend(high) << Width.Bits<T>() | (long)Width.ZeroExtend(low);
        long divisor = Width.SignExtend(source);

        // The second case is the one that C# answers by an exception.
        if (divisor == 0 || (divisor == -1 && dividend == long.MinValue))
        {
            return false;
        }

        long quotient = dividend / divisor;
        T result = Width.Truncate<T>((ulong)quotient);
        if (Width.SignExtend(result) != quotient)
        {
            return false;
        }

        low = result;
        high = Width.Truncate<T>((ulong)(dividend % divisor));
        flags.Undefined(Eflags.Status);
        return true;
    }
}
