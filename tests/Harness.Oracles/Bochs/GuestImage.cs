using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.Oracles.Bochs;

/// <summary>What a case starts from: the live region and the state block. A case is this memory; the reporter does the rest.</summary>
public sealed class GuestImage
{
    /// <summary>EFLAGS.VM.</summary>
    public const uint Vm = 1u << 17;

    private GuestImage(byte[] memory) => Memory = memory;

    /// <summary><see cref="Layout.ImageSize"/> bytes from physical address 0.</summary>
    public byte[] Memory { get; }

    public uint this[Register register]
    {
        get => Read32(Layout.State + (int)register * 4);
        set => Write32(Layout.State + (int)register * 4, value);
    }

    public GuestImage Copy() => new((byte[])Memory.Clone());

    public uint Read32(int address) => BinaryPrimitives.ReadUInt32LittleEndian(Memory.AsSpan(address));

    public GuestImage Write32(int address, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Memory.AsSpan(address), value);
        return this;
    }

    public GuestImage Write16(int address, int value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Memory.AsSpan(address), (ushort)value);
        return this;
    }

    public GuestImage Write(int address, params ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Memory.AsSpan(address));
        return this;
    }

    public GuestImage Set(Register register, uint value)
    {
        this[register] = value;
        return this;
    }

    /// <summary>
    /// Writes a code, data or system descriptor (SDM Vol. 3A, 3.4.5) of a GDT selector: access is byte 5 (P, DPL, S, type), flags the high half
    /// of byte 6 (G, D/B, L, AVL).
    /// </summary>
    public GuestImage Descriptor(int selector, uint address, uint limit, int access, int flags = 0)
    {
        DescriptorBytes(address, limit, access, flags).CopyTo(Memory, Layout.Gdt + (selector & ~7));
        return this;
    }

    /// <summary>The same in the LDT; the selector's TI bit is ignored.</summary>
    public GuestImage LocalDescriptor(int selector, uint address, uint limit, int access, int flags = 0)
    {
        DescriptorBytes(address, limit, access, flags).CopyTo(Memory, Layout.Ldt + (selector & ~7));
        return this;
    }

    /// <summary>Writes a gate (SDM Vol. 3A, 5.8.3 and 6.11) at a table's byte address.</summary>
    public GuestImage GateAt(int address, GateType type, int selector, int offset, int dpl = 3, bool present = true, int parameters = 0)
    {
        int access = (present ? 0x80 : 0) | dpl << 5 | (int)type;
        return Write16(address, offset).Write16(address + 2, selector).Write(address + 4, (byte)parameters, (byte)access).Write16(address + 6, offset >> 16);
    }

    /// <summary>The IDT gate of a vector, to its reporting stub.</summary>
    public GuestImage Gate(int vector, GateType type, int dpl = 3, bool present = true, int handlerSelector = Layout.ReporterCode) =>
        type == GateType.Task
            ? GateAt(Layout.Idt + vector * 8, type, handlerSelector, 0, dpl, present)
            : GateAt(Layout.Idt + vector * 8, type, handlerSelector, Layout.Stub32(vector), dpl, present);

    public GuestImage Code(int bits, Action<Assembler> emit, int address = Layout.Code)
    {
        Memory.AsSpan(address, 0x40).Clear();
        return Write(address, Assemble(bits, emit, (uint)(address - Layout.Code)));
    }

    /// <summary>Assembles code that is position independent or whose offset is given.</summary>
    public static byte[] Assemble(int bits, Action<Assembler> emit, uint origin = 0)
    {
        var assembler = new Assembler(bits);
        emit(assembler);
        var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), origin);
        return stream.ToArray();
    }

    /// <summary>The GDT entries that the reporter needs in every table.</summary>
    public static byte[] ReporterDescriptors() =>
    [
        .. new byte[8],
        .. DescriptorBytes(Layout.Rom, 0xFFFF, 0x9B, 4),
        .. DescriptorBytes(0, 0xFFFFF, 0xF3, 0xC),
        .. DescriptorBytes(0, 0xFFFFF, 0x93, 0xC),
        .. DescriptorBytes(Layout.Rom, 0xFFFF, 0x9B, 0),
        .. DescriptorBytes(0, 0xFFFF, 0x93, 0),
    ];

    /// <summary>Protected mode, CPL 0, 32-bit, paging off, everything present: what every case is made from.</summary>
    public static GuestImage CreateProtected()
    {
        var image = new GuestImage(new byte[Layout.ImageSize]);
        image.Write(Layout.Gdt, ReporterDescriptors());
        image.Descriptor(Layout.ConformingHandler, Layout.Rom, 0xFFFF, 0x9F, 4);
        for (int dpl = 0; dpl < 4; dpl++)
        {
            image.Descriptor(Layout.Code32(dpl), 0, 0xFFFFF, 0x9B | dpl << 5, 0xC);
            image.Descriptor(Layout.Code16(dpl), 0, 0xFFFF, 0x9B | dpl << 5);
            image.Descriptor(Layout.Data32(dpl), 0, 0xFFFFF, 0x93 | dpl << 5, 0xC);
            image.Descriptor(Layout.Data16(dpl), 0, 0xFFFF, 0x93 | dpl << 5);
            if (dpl > 0)
            {
                image.Descriptor(Layout.HandlerCode(dpl), Layout.Rom, 0xFFFF, 0x9B | dpl << 5, 4);
            }
        }

        image.Descriptor(Layout.MainTssSelector, Layout.MainTss, 0x2FF, 0x89);
        image.Descriptor(Layout.OtherTss32Selector, Layout.OtherTss32, 0x67, 0x89);
        image.Descriptor(Layout.OtherTss16Selector, Layout.OtherTss16, 0x2B, 0x81);
        image.Descriptor(Layout.HandlerTss32Selector, Layout.HandlerTss32, 0x67, 0x89);
        image.Descriptor(Layout.HandlerTss16Selector, Layout.HandlerTss16, 0x2B, 0x81);
        image.Descriptor(Layout.LdtSelector, Layout.Ldt, 0xFF, 0x82);
        for (int vector = 0; vector < Layout.StubCount; vector++)
        {
            image.Gate(vector, GateType.Interrupt32);
            image.Write16(Layout.Ivt + vector * 4, Layout.Stub16(vector)).Write16(Layout.Ivt + vector * 4 + 2, 0xF000);
        }

        // A double fault may come from an unusable stack, so it gets its own.
        image.Gate(8, GateType.Task, handlerSelector: Layout.HandlerTss32Selector);
        image.GateAt(Layout.Idt + Layout.HandOverVector * 8, GateType.Interrupt32, Layout.ReporterCode, Layout.Stub32(Layout.StubCount));
        image.FillStacks();
        image.WriteTasks();
        image.MapIdentity();
        image[Register.Cs] = (uint)Layout.Code32(0);
        image[Register.Ss] = image[Register.Ds] = image[Register.Es] = image[Register.Fs] = image[Register.Gs] = (uint)Layout.Data32(0);
        image[Register.Esp] = Layout.Stack3;
        image[Register.Eip] = Layout.Code;
        image[Register.Eflags] = 2;
        image[Register.Cr0] = 0x11;
        image[Register.Cr3] = Layout.PageDirectory;
        image[Register.Dr6] = 0xFFFF0FF0;
        image[Register.Dr7] = 0x400;
        image[Register.Tr] = Layout.MainTssSelector;
        image[Register.Ldtr] = Layout.LdtSelector;
        image[Register.GdtLimit] = 0x3FFu << 16;
        image[Register.GdtBase] = Layout.Gdt;
        image[Register.IdtLimit] = 0x7FFu << 16;
        image[Register.IdtBase] = Layout.Idt;
        image[Register.Eax] = 0xA0A1A2A3;
        image[Register.Ecx] = 0xC0C1C2C3;
        image[Register.Edx] = 0xD0D1D2D3;
        image[Register.Ebx] = 0xB0B1B2B3;
        image[Register.Ebp] = Layout.Stack3;
        image[Register.Esi] = Layout.Data;
        image[Register.Edi] = Layout.Data2;
        return image;
    }

    /// <summary>Real mode at 0400:0000 with DS=0500, ES=0600, SS=0700:0400.</summary>
    public static GuestImage CreateReal()
    {
        GuestImage image = CreateProtected();
        image[Register.Cr0] = 0x10;
        image.SetRealSegments();
        image[Register.IdtLimit] = 0x3FFu << 16;
        image[Register.IdtBase] = Layout.Ivt;
        return image;
    }

    /// <summary>Virtual-8086 mode with the same segments as <see cref="CreateReal"/>.</summary>
    public static GuestImage CreateVirtual8086(int iopl)
    {
        GuestImage image = CreateProtected();
        image.SetRealSegments();
        image[Register.Eflags] = Vm | (uint)iopl << 12 | 2;
        return image;
    }

    /// <summary>Enters at a privilege level, with 16-bit or 32-bit code and stack segments.</summary>
    public GuestImage AtLevel(int cpl, int codeBits = 32, int stackBits = 32)
    {
        this[Register.Cs] = (uint)((codeBits == 32 ? Layout.Code32(cpl) : Layout.Code16(cpl)) | cpl);
        this[Register.Ss] = (uint)((stackBits == 32 ? Layout.Data32(cpl) : Layout.Data16(cpl)) | cpl);
        this[Register.Ds] = this[Register.Es] = this[Register.Fs] = this[Register.Gs] = (uint)(Layout.Data32(cpl) | cpl);
        return this;
    }

    /// <summary>Turns paging on. With PAE the tables are the 64-bit ones.</summary>
    public GuestImage WithPaging(bool pae = false)
    {
        this[Register.Cr0] |= 0x80000000;
        if (pae)
        {
            this[Register.Cr4] |= 0x20;
            this[Register.Cr3] = Layout.PageDirectoryPointers;
            MapIdentityPae();
        }

        return this;
    }

    /// <summary>Replaces a page's 32-bit entry.</summary>
    public GuestImage MapPage(int page, uint entry) => Write32(Layout.PageTable + page * 4, entry);

    /// <summary>Replaces a page's PAE entry.</summary>
    public GuestImage MapPagePae(int page, ulong entry) => Write32(Layout.PageTable + page * 8, (uint)entry).Write32(Layout.PageTable + page * 8 + 4, (uint)(entry >> 32));

    private static byte[] DescriptorBytes(uint address, uint limit, int access, int flags) =>
    [
        (byte)limit, (byte)(limit >> 8), (byte)address, (byte)(address >> 8), (byte)(address >> 16), (byte)access,
        (byte)((limit >> 16 & 15) | (uint)flags << 4), (byte)(address >> 24),
    ];

    private void SetRealSegments()
    {
        this[Register.Cs] = Layout.Code >> 4;
        this[Register.Eip] = 0;
        this[Register.Ds] = Layout.Data >> 4;
        this[Register.Es] = this[Register.Fs] = this[Register.Gs] = Layout.Data2 >> 4;
        this[Register.Ss] = 0x700;
        this[Register.Esp] = this[Register.Ebp] = Layout.Stack3 - 0x7000;
        this[Register.Esi] = this[Register.Edi] = 0x10;
    }

    // So that a pushed zero is seen as a change.
    private void FillStacks()
    {
        foreach (int top in new[] { Layout.Stack0, Layout.Stack1, Layout.Stack2, Layout.Stack3, Layout.TaskStack, Layout.HandlerStack })
        {
            Memory.AsSpan(top - 0x30, 0x30).Fill(0xEE);
        }
    }

    private void WriteTasks()
    {
        for (int level = 0; level < 3; level++)
        {
            Write32(Layout.MainTss + 4 + level * 8, (uint)(Layout.Stack0 + level * 0x100));
            Write16(Layout.MainTss + 8 + level * 8, Layout.Data32(level) | level);
        }

        // The redirection map of virtual-8086 mode extensions lies in the 32 bytes before the I/O map (SDM Vol. 3A, 20.3.3).
        Write16(Layout.MainTss + 0x66, 0x88);
        Memory.AsSpan(Layout.MainTss + 0x88, 0x278 - 0x88).Fill(0xFF);
        Task32(Layout.HandlerTss32, Layout.ReporterCode, Layout.Stub32(8), Layout.ReporterStackSegment, Layout.HandlerStack);
        Task16(Layout.HandlerTss16, Layout.ReporterCode, Layout.Stub32(8), Layout.Data16(0), Layout.HandlerStack);
        Task32(Layout.OtherTss32, Layout.Code32(0), Layout.Code + 0x800, Layout.Data32(0), Layout.TaskStack);
        Task16(Layout.OtherTss16, Layout.Code16(0), Layout.Code + 0x800, Layout.Data16(0), Layout.TaskStack);
        Write(Layout.Code + 0x800, 0x0F, 0x0B);
    }

    /// <summary>A 32-bit TSS (SDM Vol. 3A, 7.2.1) whose data segments are its stack segment.</summary>
    public void Task32(int tss, int cs, int eip, int ss, int esp)
    {
        Write32(tss + 0x04, Layout.Stack0).Write32(tss + 0x08, (uint)Layout.Data32(0));
        Write32(tss + 0x1C, this[Register.Cr3] == 0 ? Layout.PageDirectory : this[Register.Cr3]).Write32(tss + 0x20, (uint)eip).Write32(tss + 0x24, 2);
        for (int i = 0; i < 8; i++)
        {
            Write32(tss + 0x28 + i * 4, 0x11111111u * (uint)(i + 1));
        }

        Write32(tss + 0x38, (uint)esp);
        foreach (int offset in new[] { 0x48, 0x50, 0x54, 0x58, 0x5C })
        {
            Write32(tss + offset, (uint)ss);
        }

        Write32(tss + 0x4C, (uint)cs).Write32(tss + 0x60, Layout.LdtSelector).Write32(tss + 0x64, 0x680000);
    }

    /// <summary>A 16-bit TSS (SDM Vol. 3A, 7.6).</summary>
    public void Task16(int tss, int cs, int ip, int ss, int sp)
    {
        Write16(tss + 0x02, Layout.Stack0).Write16(tss + 0x04, Layout.Data32(0)).Write16(tss + 0x0E, ip).Write16(tss + 0x10, 2);
        for (int i = 0; i < 8; i++)
        {
            Write16(tss + 0x12 + i * 2, 0x1111 * (i + 1));
        }

        Write16(tss + 0x1A, sp).Write16(tss + 0x22, ss).Write16(tss + 0x24, cs).Write16(tss + 0x26, ss).Write16(tss + 0x28, ss).Write16(tss + 0x2A, Layout.LdtSelector);
    }

    // The pages of tables, ROM and reporter are marked accessed and dirty beforehand; those of the cases are not.
    private void MapIdentity()
    {
        Write32(Layout.PageDirectory, Layout.PageTable | 0x27);
        for (int page = 0; page < 0x100; page++)
        {
            if (page < 0x10 || page is >= 0x80 and < 0x90 or >= 0xF0)
            {
                MapPage(page, (uint)page << 12 | (page is >= 4 and < 7 ? 0x07u : 0x67u));
            }
        }
    }

    private void MapIdentityPae()
    {
        Memory.AsSpan(Layout.PageDirectory, 0x2000).Clear();
        Write32(Layout.PageDirectoryPointers, Layout.PageDirectory | 1);
        Write32(Layout.PageDirectory, Layout.PageTable | 0x27);
        for (int page = 0; page < 0x100; page++)
        {
            if (page < 0x10 || page is >= 0x80 and < 0x90 or >= 0xF0)
            {
                MapPagePae(page, (uint)page << 12 | (page is >= 4 and < 7 ? 0x07u : 0x67u));
            }
        }

        foreach (int tss in new[] { Layout.HandlerTss32, Layout.OtherTss32 })
        {
            Write32(tss + 0x1C, Layout.PageDirectoryPointers);
        }
    }
}

/// <summary>Types of gates as in byte 5 of the descriptor (SDM Vol. 3A, table 3-2).</summary>
public enum GateType
{
    Call16 = 4,
    Task = 5,
    Interrupt16 = 6,
    Trap16 = 7,
    Call32 = 12,
    Interrupt32 = 14,
    Trap32 = 15,
}
