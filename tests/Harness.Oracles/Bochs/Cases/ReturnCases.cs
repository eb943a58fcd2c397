namespace Harness.Oracles.Bochs.Cases;

/// <summary>Far returns and interrupt returns: to the same level, outwards, to virtual-8086 mode, with bad frames and changed flags.</summary>
internal static class ReturnCases
{
    private const int Target = Layout.Code + 0x100;

    public static IEnumerable<OracleCase> Create()
    {
        for (int index = 0; index < 240; index++)
        {
            yield return FarReturn(index);
        }

        for (int index = 0; index < 300; index++)
        {
            yield return InterruptReturn(index);
        }

        for (int index = 0; index < 60; index++)
        {
            yield return ToVirtual8086(index);
        }
    }

    private static OracleCase FarReturn(int index)
    {
        CellContext c = DescriptorCases.New(index, index + 1000);
        bool wide = c.Pick(2) == 0;
        int release = c.Pick(3) * 4;
        (int cs, int ss) = Segments(c);
        uint[] frame = [TargetOffset(c, wide), (uint)cs, .. Enumerable.Repeat(0x5A5Au, release / (wide ? 4 : 2)), Layout.Stack3 - 0x80, (uint)ss];
        Push(c, wide, frame);
        byte[] prefix = wide == (c.Bits == 32) ? [] : [0x66];
        c.EmitBytes([.. prefix, .. release == 0 ? new byte[] { 0xCB } : [0xCA, (byte)release, 0]]);
        return DescriptorCases.Finish(c, $"retf/{index:d3}");
    }

    private static OracleCase InterruptReturn(int index)
    {
        CellContext c = DescriptorCases.New(index, index + 2000);
        bool wide = c.Pick(2) == 0;
        (int cs, int ss) = Segments(c);
        c.Image[Register.Eflags] &= ~0x4000u;
        uint flags = 0x3F7FD7u & ~0x30100u & (uint)(c.Pick(0x8000) * 0x89 + c.Pick(0x8000) * 2);
        Push(c, wide, TargetOffset(c, wide), (uint)cs, flags | 2, Layout.Stack3 - 0x80, (uint)ss);
        byte[] prefix = wide == (c.Bits == 32) ? [] : [0x66];
        c.EmitBytes([.. prefix, 0xCF]);
        return DescriptorCases.Finish(c, $"iret/{index:d3}");
    }

    private static OracleCase ToVirtual8086(int index)
    {
        CellContext c = DescriptorCases.New(index % 3 == 0 ? 1 : 0, index + 3000);
        c.Image[Register.Eflags] &= ~0x4000u;
        uint flags = GuestImage.Vm | 2 | (uint)c.Pick(4) << 12 | (uint)(c.Pick(2) * 0x200 + c.Pick(2) * 0x4000 + c.Pick(2) * 0x40000);
        uint ip = c.PickOf(0x100u, 0x10100u);
        Push(c, true, ip, c.PickOf(0x400u, 0xDEAD0400u), flags, Layout.Stack3 - 0x7080, 0x700, 0x500, 0x600, 0x1234, 0xFFFF);
        c.EmitBytes(c.Bits == 32 ? [0xCF] : [0x66, 0xCF]);
        return DescriptorCases.Finish(c, $"iret/v86/{index:d2}");
    }

    private static uint TargetOffset(CellContext c, bool wide)
    {
        c.Image.Write(Target, 0x0F, 0x0B);
        return wide && c.Pick(10) == 0 ? (uint)(Layout.Rom + Layout.RedirectedStubs) : Target;
    }

    // Mostly a proper return to this or an outer level; sometimes one thing is wrong.
    private static (int Cs, int Ss) Segments(CellContext c)
    {
        int level = c.Cpl + c.Pick(4 - c.Cpl);
        int cs = (c.Pick(2) == 0 ? Layout.Code32(level) : Layout.Code16(level)) | level;
        int ss = (c.Pick(2) == 0 ? Layout.Data32(level) : Layout.Data16(level)) | level;
        c.Image.Descriptor(Layout.Scratch, 0, 0xFFFFF, 0x1B | level << 5, 0xC);
        c.Image.Descriptor(Layout.Scratch + 8, 0, 0xFFFFF, 0x13 | level << 5, 0xC);
        c.Image.Descriptor(Layout.Scratch + 0x10, 0, 0xFFFFF, 0x9F | c.Pick(4) << 5, 0xC);
        foreach (Register one in new[] { Register.Es, Register.Fs, Register.Gs })
        {
            int dpl = c.Cpl + c.Pick(4 - c.Cpl);
            c.Image[one] = c.PickOf(0u, (uint)(Layout.Data32(dpl) | c.Cpl), (uint)(Layout.Code32(dpl) | c.Cpl), (uint)(Layout.Scratch + 0x10 | c.Cpl));
        }

        c.Image[Register.Ds] = (uint)(Layout.Data32(c.Cpl) | c.Cpl);
        return c.Pick(12) switch
        {
            0 => (0, ss),
            1 => (c.PickOf(0x7F8, Layout.LdtSelector, Layout.Data32(level)) | level, ss),
            2 => (Layout.Scratch | level, ss),
            3 => (Layout.Scratch + 0x10 | level, ss),
            4 => (cs & ~3 | c.Pick(4), ss),
            5 => (cs, c.PickOf(0, 0x7F8 | level, Layout.Code32(level) | level)),
            6 => (cs, Layout.Scratch + 8 | level),
            7 => (cs, ss & ~3 | c.Pick(4)),
            8 => (Layout.Code32(c.Pick(4)) | level, ss),
            _ => (cs, ss),
        };
    }

    private static void Push(CellContext c, bool wide, params uint[] frame)
    {
        int at = Layout.Stack3 - 0x28;
        c.Image[Register.Esp] = (uint)at;
        foreach (uint one in frame)
        {
            _ = wide ? c.Image.Write32(at, one) : c.Image.Write16(at, (int)one);
            at += wide ? 4 : 2;
        }
    }
}
