namespace Harness.Oracles.Bochs.Cases;

/// <summary>OUT and OUTS against IOPL and the I/O permission bit map of 32-bit and 16-bit tasks (SDM Vol. 1, 19.5.2). The ports belong to no device.</summary>
internal static class PortCases
{
    private const int Port = 0x304;
    private const int MapBase = 0x88;

    private static readonly (string Name, int Width, byte[] Wide, byte[] Narrow)[] Instructions =
    [
        ("out8", 1, [0xEE], [0xEE]), ("out16", 2, [0x66, 0xEF], [0xEF]), ("out32", 4, [0xEF], [0x66, 0xEF]),
        ("outs8", 1, [0x6E], [0x6E]), ("outs16", 2, [0x66, 0x6F], [0x6F]), ("outs32", 4, [0x6F], [0x66, 0x6F]),
    ];

    public static IEnumerable<OracleCase> Create()
    {
        foreach ((string name, int width, byte[] wide, byte[] narrow) in Instructions)
        {
            foreach (CaseMode mode in new[] { CaseMode.Cpl0, CaseMode.Cpl1, CaseMode.Cpl3, CaseMode.Virtual8086 })
            {
                for (int variant = 0; variant < 10; variant++)
                {
                    var c = new CellContext(mode, (uint)(variant * 8 + width + (int)mode * 100));
                    c.ScatterFlags();
                    c.RequireIopl(c.Pick(4));
                    int port = Port + c.Pick(8);
                    c.Image[Register.Edx] = (uint)port | 0xABCD0000;
                    Grant(c, port, width, variant);
                    c.EmitBytes(c.Bits == 32 ? wide : narrow);
                    yield return DescriptorCases.Finish(c, $"{name}/{mode}/{variant}");
                }
            }
        }
    }

    private static void Grant(CellContext c, int port, int width, int variant)
    {
        GuestImage m = c.Image;
        int map = Layout.MainTss + MapBase + port / 8;
        uint allowed = ~(((1u << width) - 1) << (port & 7));
        switch (variant)
        {
            case < 4:
                m.Write16(map, (int)allowed);
                break;
            case 4:
                m.Write16(map, (int)(allowed | 1u << ((port & 7) + width - 1)));
                break;
            case 5:
                m.Write16(map, (int)allowed);
                m.Descriptor(Layout.MainTssSelector, Layout.MainTss, (uint)(MapBase + port / 8), 0x89);
                break;
            case 6:
                m.Write16(map, (int)allowed);
                m.Descriptor(Layout.MainTssSelector, Layout.MainTss, (uint)(MapBase + port / 8 + 1), 0x89);
                break;
            case 7:
                m.Write16(Layout.MainTss + 0x66, 0xFFFF);
                break;
            case 8 when c.Mode != CaseMode.Virtual8086:
                m.Descriptor(Layout.MainTssSelector, Layout.HandlerTss16, 0x2B, 0x81);
                m.Write16(Layout.HandlerTss16 + 2, Layout.Stack0).Write16(Layout.HandlerTss16 + 4, Layout.Data32(0));
                break;
        }
    }
}
