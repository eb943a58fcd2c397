namespace Harness.Oracles.Bochs.Cases;

/// <summary>Task switches by JMP, CALL, INT and IRET between 16-bit and 32-bit tasks, into good and bad TSS contents.</summary>
internal static class TaskCases
{
    public static IEnumerable<OracleCase> Create()
    {
        for (int index = 0; index < 320; index++)
        {
            yield return Create(index);
        }
    }

    private static OracleCase Create(int index)
    {
        CellContext c = DescriptorCases.New(index % 3 == 0 ? index / 3 : 0, index + 4000);
        GuestImage m = c.Image;
        bool wide = c.Pick(2) == 0;
        int tss = wide ? Layout.OtherTss32 : Layout.OtherTss16, selector = wide ? Layout.OtherTss32Selector : Layout.OtherTss16Selector;
        int access = (wide ? 0x89 : 0x81) | 0x60;
        bool back = index % 4 == 3;
        m.Descriptor(selector, (uint)tss, wide ? 0x67u : 0x2Bu, back ? access | 2 : access);
        int spoiled = c.Pick(16);
        PrepareTask(c, tss, wide, spoiled is >= 3 and <= 9);
        Spoil(c, tss, selector, wide, access, spoiled);
        if (!back)
        {
            m[Register.Eflags] &= ~0x4000u;
        }

        switch (index % 4)
        {
            case 0:
                c.EmitBytes(Far(c, 0xEA, selector | 3));
                break;
            case 1:
                c.EmitBytes(Far(c, 0x9A, selector | 3));
                break;
            case 2:
                m.Gate(0x30, GateType.Task, handlerSelector: selector);
                c.EmitBytes(0xCD, 0x30);
                break;
            default:
                m[Register.Eflags] |= 0x4000;
                m.Write16(Layout.MainTss, selector);
                c.EmitBytes(0xCF);
                break;
        }

        return DescriptorCases.Finish(c, $"task/{index:d3}");
    }

    // The new task runs at a random level, or (32-bit) in virtual-8086 mode, up to a UD2. A task that fails to load is not at level 0, where
    // nothing says which stack the fault would be delivered on.
    private static void PrepareTask(CellContext c, int tss, bool wide, bool fails)
    {
        int level = fails ? 1 + c.Pick(3) : c.Pick(4);
        int cs = (wide ? Layout.Code32(level) : Layout.Code16(level)) | level, ss = (c.Pick(2) == 0 ? Layout.Data32(level) : Layout.Data16(level)) | level;
        GuestImage m = c.Image;
        m.Write(Layout.Code + 0x800, 0x0F, 0x0B);
        if (!wide)
        {
            m.Task16(tss, cs, Layout.Code + 0x800, Layout.Data16(level) | level, Layout.TaskStack);
            return;
        }

        m.Task32(tss, cs, Layout.Code + 0x800, ss, Layout.TaskStack);
        m.Write32(tss + 0x24, (uint)(2 | c.Pick(2) * 0x200 | c.Pick(4) << 12 | c.Pick(2) * 0x8D5));
        if (c.Pick(6) == 0)
        {
            m.Write32(tss + 0x24, GuestImage.Vm | 2 | (uint)c.Pick(4) << 12);
            m.Write32(tss + 0x4C, 0x400).Write32(tss + 0x20, 0x800).Write32(tss + 0x50, 0x700).Write32(tss + 0x38, Layout.TaskStack - 0x7000);
            m.Write32(tss + 0x60, c.PickOf(0u, (uint)Layout.LdtSelector));
        }
    }

    private static void Spoil(CellContext c, int tss, int selector, bool wide, int access, int spoiled)
    {
        GuestImage m = c.Image;
        int size = wide ? 4 : 2;
        int segments = wide ? 0x48 : 0x22;
        m.Descriptor(Layout.Scratch, 0, 0xFFFFF, 0x13, 0xC);
        m.Descriptor(Layout.Scratch + 8, 0, 0xFFFFF, 0x1B, 0xC);
        m.Descriptor(Layout.Scratch + 0x10, 0, 0x3FFF, 0x9B, 4);
        switch (spoiled)
        {
            case 0:
                m.Descriptor(selector, (uint)tss, wide ? 0x67u : 0x2Bu, access ^ 2);
                break;
            case 1:
                m.Descriptor(selector, (uint)tss, wide ? 0x66u : 0x2Au, access);
                break;
            case 2:
                m.Descriptor(selector, (uint)tss, wide ? 0x67u : 0x2Bu, access & 0x7F);
                break;
            case 3:
                m.Write16(tss + segments + size, c.PickOf(0, 0x7F8, Layout.Data32(0), Layout.Scratch + 8, Layout.Scratch + 0x10, Layout.Code32(1), Layout.LdtSelector));
                break;
            case 4:
                m.Write16(tss + segments + 2 * size, c.PickOf(0, 0x7F8, Layout.Code32(0), Layout.Scratch, Layout.Data32(1), Layout.Data32(3) | 3));
                break;
            case 5:
                m.Write16(tss + segments + 3 * size, c.PickOf(0, 0x7F8, Layout.LdtSelector, Layout.Scratch, Layout.Data32(0) | 3));
                break;
            case 6:
                m.Write16(tss + (wide ? 0x60 : 0x2A), c.PickOf(0, 0x7F8, Layout.Data32(0), Layout.LdtSelector | 4));
                break;
            case 7 when wide:
                m.Write16(tss + 0x64, 1);
                break;
            case 8:
                c.Image.Descriptor(Layout.LdtSelector + 0x40, Layout.Ldt, 0xFF, 0x02);
                m.Write16(tss + (wide ? 0x60 : 0x2A), Layout.LdtSelector + 0x40);
                break;
            case 9:
                m.Write16(tss + segments, c.PickOf(0, 0x400, Layout.Code32(0), Layout.Scratch));
                break;
        }
    }

    private static byte[] Far(CellContext c, byte opcode, int selector) =>
        c.Bits == 32 ? [opcode, 1, 2, 3, 4, (byte)selector, (byte)(selector >> 8)] : [opcode, 1, 2, (byte)selector, (byte)(selector >> 8)];
}
