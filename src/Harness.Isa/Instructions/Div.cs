namespace Harness.Isa.Instructions;

/// <summary>
/// low = high:low / source, high = the remainder, unsigned. A quotient that does not fit is a divide error; all status flags are undefined and stay here
/// (SDM Vol. 2A, DIV).
/// </summary>
[Encodings(Code.Div_rm8, Code.Div_rm16, Code.Div_rm32)]
public readonly struct Div : IWide
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TFlags>(ref T low, ref T high, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        if (source <= high)
        {
            return false;
        }

        ulong dividend = Width.ZeroExtend(high) << Width.Bits<T>() | Width.ZeroExtend(low);
        low = Width.Truncate<T>(dividend / Width.ZeroExtend(source));
        high = Width.Truncate<T>(dividend % Width.ZeroExtend(source));
        flags.Undefined(Eflags.Status);
        return true;
    }
}
