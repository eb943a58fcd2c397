namespace Harness.Isa;

/// <summary>Fields of a segment selector (SDM Vol. 3A, 3.4.2).</summary>
public static class Selector
{
    public const int RplMask = 3;
    public const int TableIndicator = 4;

    public static int Rpl(ushort selector) => selector & RplMask;

    /// <summary>Index 0 of the GDT, whatever the RPL.</summary>
    public static bool IsNull(ushort selector) => (selector & ~RplMask) == 0;
    public static bool IsLocal(ushort selector) => (selector & TableIndicator) != 0;

    /// <summary>What an error code names: the selector without its RPL.</summary>
    public static uint ForErrorCode(ushort selector) => (uint)(selector & ~RplMask);
}
