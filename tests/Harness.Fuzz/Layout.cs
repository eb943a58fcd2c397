namespace Harness.Fuzz;

/// <summary>Where things lie in the 64 KiB of a guest.</summary>
internal static class Layout
{
    public const int RamBytes = 0x10000;
    public const uint PageDirectory = 0x1000;
    public const uint PaeDirectory = 0x2000;
    public const uint PageTable = 0x3000;
    public const uint Gdt = 0x4000;
    public const uint Ldt = 0x4400;
    public const uint Idt = 0x5000;
    public const uint Tss = 0x6000;

    /// <summary>Distance between task-state segments; the fourth is a 16-bit one.</summary>
    public const uint TssStride = 0x400;
    public const uint Code = 0x8000;
    public const uint Data = 0xC000;

    /// <summary>A page of device registers in the midst of memory.</summary>
    public const uint Device = 0xE000;
    public const uint Stack = 0xF000;
    public const int GdtEntries = 64;
    public const int LdtEntries = 16;
    public const int IdtEntries = 48;

    // Indices into the GDT; each of the first groups has an entry for every DPL.
    public const int FlatCode = 1;
    public const int FlatData = 5;
    public const int Code16 = 9;
    public const int Data16 = 13;
    public const int Conforming = 17;
    public const int LdtEntry = 21;
    public const int TssEntry = 22;
    public const int Tss16Entry = 25;
    public const int Gates = 26;
    public const int Arbitrary = 48;

    /// <summary>Linear addresses at which generated instructions start; the third crosses a page.</summary>
    public static ReadOnlySpan<uint> Fragments => [0x8000, 0x8400, 0x8FF0, 0x9800, 0xA000, 0xB100];
}
