namespace Harness.Scenarios;

/// <summary>Selectors of the GDT that <see cref="Guest"/> and <see cref="GuestKernel"/> build. Every code and data segment is flat: base 0, limit 4 GiB.</summary>
public static class Selectors
{
    public const ushort Code0 = 0x08;
    public const ushort Data0 = 0x10;
    public const ushort Code3 = 0x1B;
    public const ushort Data3 = 0x23;
    public const ushort Tss = 0x28;
    public const ushort Code1 = 0x31;
    public const ushort Data1 = 0x39;
    public const ushort Code2 = 0x42;
    public const ushort Data2 = 0x4A;

    /// <summary>The flat code segment of a ring.</summary>
    public static ushort Code(int ring) => Of(ring, Code0, Code1, Code2, Code3);

    /// <summary>The flat data segment of a ring.</summary>
    public static ushort Data(int ring) => Of(ring, Data0, Data1, Data2, Data3);

    private static ushort Of(int ring, ushort ring0, ushort ring1, ushort ring2, ushort ring3) => ring switch
    {
        0 => ring0,
        1 => ring1,
        2 => ring2,
        3 => ring3,
        _ => throw new ArgumentOutOfRangeException(nameof(ring), ring, "A privilege level is 0, 1, 2 or 3."),
    };
}
