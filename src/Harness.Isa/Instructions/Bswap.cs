using System.Buffers.Binary;

namespace Harness.Isa.Instructions;

/// <summary>
/// The bytes in reverse order; no flags. Of a 16-bit register the result is undefined (SDM Vol. 2A, BSWAP), and zero here as on processors.
/// </summary>
[Encodings(Code.Bswap_r16, Code.Bswap_r32)]
public readonly struct Bswap : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags
    {
        if (typeof(T) == typeof(ushort))
        {
            return T.Zero;
        }

        return Width.Truncate<T>(BinaryPrimitives.ReverseEndianness(Width.ZeroExtend(value)) >> (64 - Width.Bits<T>()));
    }
}
