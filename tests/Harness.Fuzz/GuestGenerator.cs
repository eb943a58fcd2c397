using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;

namespace Harness.Fuzz;

/// <summary>
/// Makes the memory and the first state of a guest: descriptor tables with segments and gates of all kinds, task-state segments, page tables, stacks that
/// look like interrupt frames, and fragments of code. Most of it is plausible and some of it is wrong.
/// </summary>
internal sealed class GuestGenerator
{
    private const int InstructionsInFragment = 14;
    private const int RoomForFragment = 0x200;

    private static readonly uint[] Interesting =
        [0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF];

    private static readonly uint[] SegmentTypes = [SystemType.Ldt, SystemType.AvailableTss16, SystemType.AvailableTss32, SystemType.BusyTss32];

    private static readonly uint[] GateTypes =
        [SystemType.CallGate16, SystemType.CallGate32, SystemType.TaskGate, SystemType.InterruptGate16, SystemType.InterruptGate32, SystemType.TrapGate16, SystemType.TrapGate32];

    private readonly ProcessorModel _model;
    private readonly InstructionGenerator _instructions;
    private readonly byte[] _noise = new byte[Layout.RamBytes];

    public GuestGenerator(ProcessorModel model, ulong seed)
    {
        _model = model;
        _instructions = new InstructionGenerator(model);
        var chance = new Chance(seed, -2);
        for (int at = 0; at < _noise.Length; at += 4)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_noise.AsSpan(at), Value(chance));
        }
    }

    /// <summary>A value that is often an edge case, a pointer into memory, or a selector.</summary>
    public static uint Value(Chance chance) => chance.Below(100) switch
    {
        < 30 => (uint)chance.Below(Layout.RamBytes),
        < 45 => Layout.Data + (uint)chance.Below(0x800) * 4,
        < 60 => (uint)chance.Below(32),
        < 70 => SelectorValue(chance),
        < 85 => chance.Of<uint>(Interesting),
        _ => chance.Next(),
    };

    /// <summary>A selector that mostly names a descriptor.</summary>
    public static uint SelectorValue(Chance chance) => chance.Below(100) switch
    {
        < 8 => (uint)chance.Below(4),
        < 75 => (uint)(chance.Below(Layout.Arbitrary) << 3 | chance.Below(4)),
        < 85 => (uint)(chance.Below(Layout.GdtEntries) << 3 | chance.Below(4)),
        < 95 => (uint)(chance.Below(Layout.LdtEntries) << 3 | 4 | chance.Below(4)),
        _ => chance.Next() & 0xFFFF,
    };

    /// <summary>An offset of generated code, for a flat segment or one whose base is the code area.</summary>
    public static uint CodeOffset(Chance chance)
    {
        uint linear = chance.Of(Layout.Fragments);
        return chance.Percent(75) ? linear : linear - Layout.Code;
    }

    /// <summary>Fills <paramref name="memory"/> and describes the processor's first state.</summary>
    public void Make(Chance chance, byte[] memory, ref FirstState first, bool protectedOnly = false)
    {
        _noise.CopyTo(memory, 0);
        first = default;
        var mode = new ModeChooser(chance, _model);
        mode.Choose(ref first, protectedOnly);
        WriteDescriptors(chance, memory, Layout.Gdt, Layout.GdtEntries);
        WriteDescriptors(chance, memory, Layout.Ldt, Layout.LdtEntries);
        WriteInterruptTable(chance, memory);
        if (!first.IsProtected)
        {
            for (int vector = 0; vector < Layout.IdtEntries; vector++)
            {
                Put(memory, (uint)vector * 4, CodeOffset(chance) & 0xFFFF | (chance.Percent(80) ? 0u : chance.Next() << 16));
            }
        }

        WriteTasks(chance, memory, first);
        if ((first.Cr0 & Cr0.PG) != 0)
        {
            WritePageTables(chance, memory, (first.Cr4 & Cr4.PAE) != 0);
        }

        mode.LoadSegments(memory, ref first);
        for (int i = 0; i < 8; i++)
        {
            first.Registers[i] = Value(chance);
        }

        if (chance.Percent(80))
        {
            first.Registers[1] = (uint)chance.Below(8);
        }

        WriteStack(chance, memory, ref first);
        foreach (uint fragment in Layout.Fragments)
        {
            WriteFragment(chance, memory, fragment, chance.Percent(85) ? first.BigCode : !first.BigCode);
        }

        uint start = chance.Of(Layout.Fragments);
        first.Eip = start - first.CodeBase;
        first.Limit = chance.Percent(70) ? 4 + chance.Below(16) : 1 + chance.Below(200);
        first.InterruptAt = chance.Percent(8) ? chance.Below(16) : long.MaxValue;
        first.NmiAt = chance.Percent(4) ? chance.Below(16) : long.MaxValue;
        first.InterruptVector = (byte)(0x20 + chance.Below(16));
        first.SliceSeed = chance.Next64();
    }

    private void WriteFragment(Chance chance, byte[] memory, uint at, bool big)
    {
        Span<byte> room = memory.AsSpan((int)at, RoomForFragment);
        int length = 0;
        for (int i = 0; i < InstructionsInFragment; i++)
        {
            length += _instructions.Write(chance, big, room[length..]);
        }
    }

    private static void WriteDescriptors(Chance chance, byte[] memory, uint table, int entries)
    {
        for (int i = table == Layout.Gdt ? 1 : 0; i < entries; i++)
        {
            ulong raw = Entry(chance, table == Layout.Gdt ? i : 1 + chance.Below(Layout.Arbitrary - 1)).Raw;
            if (chance.Percent(4))
            {
                raw ^= 1ul << (40 + chance.Below(8));
            }

            BinaryPrimitives.WriteUInt64LittleEndian(memory.AsSpan((int)table + i * 8), raw);
        }
    }

    private static Descriptor Entry(Chance chance, int index)
    {
        const uint Present = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable;
        uint level = (uint)(index - 1 & 3) << AccessRights.DplShift;
        uint accessed = chance.Percent(80) ? AccessRights.Accessed : 0;
        switch (index)
        {
            case < Layout.FlatData:
                return Descriptor.Segment(0, chance.Percent(85) ? uint.MaxValue : 0xFFFF, Present | AccessRights.Code | AccessRights.DB | level | accessed);
            case < Layout.Code16:
                return Descriptor.Segment(0, chance.Percent(75) ? uint.MaxValue : (uint)chance.Below(Layout.RamBytes), Present | AccessRights.DB | level | accessed);
            case < Layout.Data16:
                return Descriptor.Segment(chance.Percent(60) ? 0u : Layout.Code, 0xFFFF, Present | AccessRights.Code | level | accessed);
            case < Layout.Conforming:
                uint kind = chance.Percent(20) ? AccessRights.ExpandDownOrConforming : 0;
                return Descriptor.Segment((uint)chance.Below(4) * 0x1000u, kind != 0 ? 0x3FFu : 0xFFFFu, Present | kind | level | accessed);
            case < Layout.LdtEntry:
                return Descriptor.Segment(0, uint.MaxValue, Present | AccessRights.Code | AccessRights.ExpandDownOrConforming | AccessRights.DB | level | accessed);
            case Layout.LdtEntry:
                return Descriptor.Segment(Layout.Ldt, Layout.LdtEntries * 8 - 1, AccessRights.P | SystemType.Ldt);
            case Layout.Tss16Entry:
                return Descriptor.Segment(Layout.Tss + 3 * Layout.TssStride, 0x2B, AccessRights.P | SystemType.AvailableTss16);
            case < Layout.Gates:
                uint type = index == Layout.TssEntry ? SystemType.BusyTss32 : SystemType.AvailableTss32;
                uint limit = chance.Percent(90) ? 0x3FFu : (uint)chance.Below(0x80);
                return Descriptor.Segment(Layout.Tss + (uint)(index - Layout.TssEntry) * Layout.TssStride, limit, AccessRights.P | type);
            case < Layout.Arbitrary:
                return Gate(chance, chance.Of<uint>(GateTypes));
            default:
                return chance.Percent(50)
                    ? new Descriptor(chance.Next64())
                    : Descriptor.Segment((uint)chance.Below(Layout.RamBytes), (uint)chance.Below(Layout.RamBytes), AccessRights.P | chance.Of<uint>(SegmentTypes));
        }
    }

    private static Descriptor Gate(Chance chance, uint type)
    {
        ushort selector = type == SystemType.TaskGate
            ? (ushort)((Layout.TssEntry + chance.Below(4)) << 3)
            : chance.Percent(88) ? CodeSelector(chance) : (ushort)SelectorValue(chance);
        uint offset = chance.Of(Layout.Fragments) - (chance.Percent(6) ? Layout.Code : 0);
        return Descriptor.Gate(selector, offset, type, chance.Percent(50) ? 3 : chance.Below(4), type is SystemType.CallGate16 or SystemType.CallGate32 ? chance.Below(5) : 0);
    }

    private static ushort CodeSelector(Chance chance) => (ushort)(chance.Below(100) switch
    {
        < 70 => Layout.FlatCode << 3,
        < 80 => (Layout.FlatCode + chance.Below(4)) << 3,
        < 90 => (Layout.Conforming + chance.Below(4)) << 3,
        _ => (Layout.Code16 + chance.Below(4)) << 3,
    });

    private static void WriteInterruptTable(Chance chance, byte[] memory)
    {
        for (int vector = 0; vector < Layout.IdtEntries; vector++)
        {
            uint type = chance.Below(100) switch
            {
                < 45 => SystemType.InterruptGate32,
                < 80 => SystemType.TrapGate32,
                < 88 => SystemType.InterruptGate16,
                < 93 => SystemType.TrapGate16,
                < 96 => SystemType.TaskGate,
                _ => (uint)chance.Below(16),
            };
            ulong raw = Gate(chance, type).Raw;
            if (chance.Percent(3))
            {
                raw ^= 1ul << (40 + chance.Below(8));
            }

            BinaryPrimitives.WriteUInt64LittleEndian(memory.AsSpan((int)Layout.Idt + vector * 8), raw);
        }
    }

    private static void WriteTasks(Chance chance, byte[] memory, in FirstState first)
    {
        for (uint task = 0; task < 3; task++)
        {
            uint at = Layout.Tss + task * Layout.TssStride;
            for (uint level = 0; level < 3; level++)
            {
                Put(memory, at + 4 + level * 8, chance.Percent(92) ? Layout.Stack + 0x400 + level * 0x200 : Value(chance));
                Put(memory, at + 8 + level * 8, chance.Percent(92) ? ((uint)Layout.FlatData + level) << 3 | level : SelectorValue(chance));
            }

            uint cpl = (uint)chance.Below(4);
            Put(memory, at + 0x1C, chance.Percent(90) ? first.Cr3 : Value(chance));
            Put(memory, at + 0x20, CodeOffset(chance));
            Put(memory, at + 0x24, Eflags.Fixed | (chance.Percent(85) ? 0 : chance.Next() & Eflags.Defined));
            Put(memory, at + 0x38, Layout.Stack + 0x800);
            for (uint segment = 0; segment < 6; segment++)
            {
                uint group = segment == 1 ? Layout.FlatCode : (uint)Layout.FlatData;
                Put(memory, at + 0x48 + segment * 4, chance.Percent(93) ? (group + cpl) << 3 | cpl : SelectorValue(chance));
            }

            Put(memory, at + 0x60, chance.Percent(80) ? Layout.LdtEntry << 3 : SelectorValue(chance));
            Put(memory, at + 0x64, (chance.Percent(80) ? 0x68u : (uint)chance.Below(0x500)) << 16 | (chance.Percent(6) ? 1u : 0));
        }
    }

    private static void WritePageTables(Chance chance, byte[] memory, bool pae)
    {
        if (pae)
        {
            for (uint i = 0; i < 4; i++)
            {
                Put64(memory, Layout.PageDirectory + i * 8, Layout.PaeDirectory | PageEntry.P);
            }

            for (uint i = 0; i < 8; i++)
            {
                Put64(memory, Layout.PaeDirectory + i * 8, Layout.PageTable | EntryFlags(chance));
            }
        }
        else
        {
            for (uint i = 0; i < 8; i++)
            {
                Put(memory, Layout.PageDirectory + i * 4, Layout.PageTable | (uint)EntryFlags(chance));
            }
        }

        // A third of the guests has tables without an error, so that not everything ends in a double fault.
        bool faulty = chance.Percent(66);
        for (uint i = 0; i < 24; i++)
        {
            ulong frame = (i < 16 && chance.Percent(96) ? i : (uint)chance.Below(18)) << 12;
            ulong entry = frame | (faulty && chance.Percent(25) ? EntryFlags(chance) : PageEntry.P | PageEntry.RW | PageEntry.US | PageEntry.A | PageEntry.D);
            if (pae)
            {
                Put64(memory, Layout.PageTable + i * 8, entry | (faulty && chance.Percent(3) ? PageEntry.XD : 0));
            }
            else
            {
                Put(memory, Layout.PageTable + i * 4, (uint)entry);
            }
        }
    }

    private static ulong EntryFlags(Chance chance) =>
        (chance.Percent(95) ? PageEntry.P : 0) | (chance.Percent(85) ? PageEntry.RW : 0) | (chance.Percent(85) ? PageEntry.US : 0) | (chance.Next() & (PageEntry.A | PageEntry.D))
        | (chance.Percent(15) ? PageEntry.G : 0) | (chance.Percent(1) ? PageEntry.PS : 0);

    /// <summary>At the top of the stack lies what IRET, RETF and RET find useful.</summary>
    private static void WriteStack(Chance chance, byte[] memory, ref FirstState first)
    {
        uint top = Layout.Stack + (uint)chance.Below(0x200) * (chance.Percent(90) ? 4u : 1u);
        if (chance.Percent(92))
        {
            first.Registers[4] = top - first.StackBase;
        }

        uint linear = first.Registers[4] + first.StackBase;
        if (linear > Layout.RamBytes - 64)
        {
            return;
        }

        bool wide = chance.Percent(70) == first.BigCode;
        uint level = (uint)chance.Below(4);
        bool toVirtual = chance.Percent(15);
        ReadOnlySpan<uint> frame =
        [
            CodeOffset(chance),
            (uint)(Layout.FlatCode + level) << 3 | level,
            Eflags.Fixed | (chance.Next() & (chance.Percent(80) ? Eflags.Status | Eflags.IF | Eflags.IOPL : Eflags.Defined & ~Eflags.VM)) | (toVirtual ? Eflags.VM : 0),
            Layout.Stack + 0x600,
            (uint)(Layout.FlatData + level) << 3 | level,
            SelectorValue(chance), SelectorValue(chance), SelectorValue(chance), SelectorValue(chance),
        ];
        for (int i = 0; i < frame.Length; i++)
        {
            if (wide)
            {
                Put(memory, linear + (uint)i * 4, frame[i]);
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(memory.AsSpan((int)linear + i * 2), (ushort)frame[i]);
            }
        }
    }

    private static void Put(byte[] memory, uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan((int)at), value);

    private static void Put64(byte[] memory, uint at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(memory.AsSpan((int)at), value);
}
