using System.Buffers.Binary;

namespace Harness.Vmm.Classification;

/// <summary>
/// The memory that every experiment starts from: tables, stacks, code and data of a program that uses each kind of descriptor and gate. Tables lie outside every
/// operand's reach, and accessed, dirty and busy bits are set already, so that they are never an instruction's effect. Addresses are offsets in a copy.
/// </summary>
internal static class LabLayout
{
    /// <summary>Size of the copy; the next one holds the same and is what relocation moves to.</summary>
    public const uint CopyBytes = 0x40000;

    public const uint Gdt = 0x1000;
    public const ushort GdtLimit = 40 * 8 - 1;
    public const uint Idt = 0x2000;
    public const ushort IdtLimit = 256 * 8 - 1;
    public const uint Ldt = 0x3000;
    public const uint LdtLimit = 4 * 8 - 1;

    /// <summary>The task-state segment in force: 104 bytes, a redirection bitmap of 32 bytes (all zero), an I/O permission bitmap (all zero).</summary>
    public const uint Tss = 0x4000;
    public const uint TssFixed = 0x68;
    public const uint TssBitmap = TssFixed + 32;
    public const uint TssEnd = TssBitmap + 0x2000 + 1;

    /// <summary>Three task-state segments to switch to: two of 32 bits, one of 16, and one that is busy, which a nested task returns to.</summary>
    public const uint OtherTss = 0x7000;
    public const uint OtherTssStride = 0x100;

    public const uint Code = 0x8000;
    public const uint InstructionOffset = 0x200;
    public const uint Stack = 0xC000;
    public const uint StackPointer = 0x800;
    public const uint SupervisorStackPointer = 0xC00;
    public const uint Data = 0x10000;
    public const uint DataStride = 0x1000;
    public const uint OperandOffset = 0x100;

    /// <summary>Pages: the region for VMXON, the VMCS that is current in VMX operation, another one.</summary>
    public const uint VmxRegions = 0x18000;
    public const int VmxRegionCount = 3;
    public const uint PageDirectory = 0x20000;
    public const uint PageTable = 0x21000;

    /// <summary>Selectors by what they name; an RPL may be added.</summary>
    public const ushort Code0 = 1 * 8;
    public const ushort Code3 = 2 * 8;
    public const ushort Stack0 = 3 * 8;
    public const ushort Stack3 = 4 * 8;
    public const ushort DataDs = 5 * 8;
    public const ushort DataEs = 6 * 8;
    public const ushort DataFs = 7 * 8;
    public const ushort DataGs = 8 * 8;
    public const ushort LdtSelector = 14 * 8;
    public const ushort LdtSelectorMoved = 15 * 8;
    public const ushort TssSelector = 16 * 8;
    public const ushort TssSelectorMoved = 17 * 8;

    /// <summary>A call gate that a program may use.</summary>
    public const ushort CallGate = 21 * 8;
    private const ushort ReturnTask = 31 * 8;

    /// <summary>Selectors of the table's entries, and of one beyond it.</summary>
    public static IReadOnlyList<ushort> Selectors { get; } = [.. Enumerable.Range(0, 41).Select(i => (ushort)(i * 8)), 4, 12];

    /// <summary>Vectors whose gates differ: DPL 3 and 0, interrupt, trap and task gates, to outer, equal and conforming code, absent.</summary>
    public static IReadOnlyList<byte> Vectors { get; } = [0x20, 0x40, 0x50, 0x60, 0x70, 0x78, 0x80, 0x90, 0xA0];

    /// <summary>One copy as it lies in physical memory from <paramref name="physical"/> on.</summary>
    public static byte[] Build(uint physical)
    {
        byte[] copy = new byte[CopyBytes];
        copy.AsSpan((int)Code, 0x1000).Fill(0x90);
        for (int vector = 0; vector < 256; vector++)
        {
            // Real-address mode: every vector leads to one place in the code segment.
            Put32(copy, (uint)vector * 4, (Code >> 4) << 16 | 0x400);
            Put64(copy, Idt + (uint)vector * 8, Gate(vector));
        }

        BuildDescriptors(copy);
        BuildTasks(copy, physical);
        for (uint page = 0; page < 2 * CopyBytes / 0x1000; page++)
        {
            // Two linear copies lead to the one physical copy: present, writable, user, accessed, dirty.
            Put32(copy, PageTable + page * 4, (physical + page * 0x1000 % CopyBytes) | 0x67);
        }

        Put32(copy, PageDirectory, (physical + PageTable) | 0x27);
        return copy;
    }

    /// <summary>
    /// Gives the four data segments and their pages the privilege that a protection asks for. Under SMAP the tables lie on the supervisor's pages: an access to them is
    /// nobody's operand, and would be prevented whatever EFLAGS.AC is (SDM Vol. 3A, 4.6.1).
    /// </summary>
    public static void Protect(Span<byte> copy, MemoryProtection protection)
    {
        const byte dpl = 0x60;
        const byte user = 4;
        for (uint linear = Gdt; linear < Code; linear += 0x1000)
        {
            foreach (uint at in (ReadOnlySpan<uint>)[linear, linear + CopyBytes])
            {
                ref byte entry = ref copy[(int)(PageTable + at / 0x1000 * 4)];
                entry = (byte)(protection == MemoryProtection.Smap ? entry & ~user : entry | user);
            }
        }

        for (int i = 0; i < 4; i++)
        {
            ref byte rights = ref copy[(int)Gdt + DataDs + i * 8 + 5];
            rights = (byte)(protection == MemoryProtection.SupervisorSegments ? rights & ~dpl : rights | dpl);
            for (uint linear = Data + (uint)i * DataStride; linear < 2 * CopyBytes; linear += CopyBytes)
            {
                ref byte entry = ref copy[(int)(PageTable + linear / 0x1000 * 4)];
                entry = (byte)(protection == MemoryProtection.SupervisorPages ? entry & ~user : entry | user);
            }
        }
    }

    private static void BuildDescriptors(byte[] copy)
    {
        const uint data = 0x93;
        const uint code = 0x9B;
        void Set(int index, uint @base, uint limit, uint rights, uint dpl, uint flags = 0x4) =>
            Put64(copy, Gdt + (uint)index * 8, Segment(@base, limit, rights | dpl << 5, flags));
        void Call(int index, uint rights, uint dpl, ushort target) => Put64(copy, Gdt + (uint)index * 8, GateOf(target, 0x400, rights | dpl << 5));
        Set(1, Code, 0xFFF, code, 0);
        Set(2, Code, 0xFFF, code, 3);
        Set(3, Stack, 0xFFF, data, 0);
        Set(4, Stack, 0xFFF, data, 3);
        for (uint i = 0; i < 4; i++)
        {
            Set(5 + (int)i, Data + i * DataStride, 0xFFF, data, 3);
        }

        Set(9, Data, 0xFFF, data, 0);
        Set(10, Code, 0xFFF, 0x9F, 0);
        Set(11, Code, 0xFFF, 0x99, 3);
        Set(12, Data, 0xFFF, 0x91, 3);
        Set(13, Data, 0xFFF, 0x13, 3);
        Set(14, Ldt, LdtLimit, 0x82, 0, 0);
        Set(15, Ldt + CopyBytes, LdtLimit, 0x82, 0, 0);
        Set(16, Tss, TssEnd - 1, 0x8B, 0, 0);
        Set(17, Tss + CopyBytes, TssEnd - 1, 0x8B, 0, 0);
        Set(18, OtherTss, 0x67, 0x89, 3, 0);
        Set(19, OtherTss + OtherTssStride, 0x67, 0x89, 0, 0);
        Set(20, OtherTss + 2 * OtherTssStride, 0x2B, 0x81, 3, 0);
        Call(CallGate / 8, 0x8C, 3, Code0);
        Call(22, 0x8C, 0, Code0);
        Call(23, 0x8C, 3, 10 * 8);
        Call(24, 0x84, 3, Code0);
        Call(25, 0x85, 3, 18 * 8);
        Set(26, Code, 0xFFF, code, 3, 0);
        Set(27, Code, 0xFFF, code, 0, 0);
        Set(28, Ldt, LdtLimit, 0x82, 0, 0);
        Set(29, Data, 0xFFF, data, 1);
        Set(30, Code, 0xFFF, code, 1);
        Set(31, OtherTss + 3 * OtherTssStride, 0x67, 0x8B, 0, 0);
        Set(32, Code, 0xFFF, 0x9F, 3);
        Set(33, Data, 0xFFF, 0x97, 3);
        Set(34, Stack, 0xFFF, data, 1);
        for (uint i = 0; i < 4; i++)
        {
            Put64(copy, Ldt + i * 8, Segment(i % 2 == 0 ? Data : Code, 0xFFF, (i % 2 == 0 ? data : code) | 0x60, 0x4));
        }
    }

    private static void BuildTasks(byte[] copy, uint physical)
    {
        Put16(copy, Tss, ReturnTask);
        Put32(copy, Tss + 4, SupervisorStackPointer);
        Put16(copy, Tss + 8, Stack0);
        Put32(copy, Tss + 0x1C, physical + PageDirectory);
        Put16(copy, Tss + 0x66, (ushort)TssBitmap);
        copy[Tss + TssEnd - 1] = 0xFF;
        for (uint i = 0; i < 4; i++)
        {
            uint at = OtherTss + i * OtherTssStride;
            if (i == 2)
            {
                BuildTask16(copy, at);
                continue;
            }

            Put32(copy, at + 0x1C, physical + PageDirectory);
            Put32(copy, at + 0x20, 0x400);
            Put32(copy, at + 0x24, Eflags.Fixed);
            Put32(copy, at + 0x38, SupervisorStackPointer);
            Put16(copy, at + 0x48, DataEs | 3);
            Put16(copy, at + 0x4C, Code0);
            Put16(copy, at + 0x50, Stack0);
            Put16(copy, at + 0x54, DataDs | 3);
            Put16(copy, at + 0x58, DataFs | 3);
            Put16(copy, at + 0x5C, DataGs | 3);
        }
    }

    private static void BuildTask16(byte[] copy, uint at)
    {
        Put16(copy, at + 0x0E, 0x400);
        Put16(copy, at + 0x10, (ushort)Eflags.Fixed);
        Put16(copy, at + 0x1A, (ushort)SupervisorStackPointer);
        Put16(copy, at + 0x22, DataEs | 3);
        Put16(copy, at + 0x24, Code0);
        Put16(copy, at + 0x26, Stack0);
        Put16(copy, at + 0x28, DataDs | 3);
    }

    /// <summary>Gates below 20h and at the vectors of <see cref="Vectors"/> differ; the rest are interrupt gates of DPL 3.</summary>
    private static ulong Gate(int vector) => vector switch
    {
        1 or 3 or 4 => GateOf(Code0, 0x400, 0xEE),
        < 0x20 => GateOf(Code0, 0x400, 0x8E),
        0x50 => GateOf(Code0, 0x400, 0xEF),
        0x60 => GateOf(Code0, 0x400, 0x8E),
        0x70 => GateOf(Code3, 0x400, 0xEE),
        0x78 => GateOf(10 * 8, 0x400, 0xEE),
        0x90 => GateOf(18 * 8, 0, 0xE5),
        0xA0 => GateOf(Code0, 0x400, 0x6E),
        _ => GateOf(Code0, 0x400, 0xEE),
    };

    private static ulong GateOf(ushort selector, uint offset, uint rights) =>
        (offset & 0xFFFF) | (ulong)selector << 16 | (ulong)rights << 40 | (ulong)(offset >> 16) << 48;

    private static ulong Segment(uint @base, uint limit, uint rights, uint flags) =>
        (limit & 0xFFFF) | (ulong)(@base & 0xFFFFFF) << 16 | (ulong)rights << 40 | (ulong)(limit >> 16 & 0xF) << 48 | (ulong)flags << 52 | (ulong)(@base >> 24) << 56;

    private static void Put16(byte[] copy, uint at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan((int)at), value);

    private static void Put32(byte[] copy, uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan((int)at), value);

    private static void Put64(byte[] copy, uint at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(copy.AsSpan((int)at), value);
}
