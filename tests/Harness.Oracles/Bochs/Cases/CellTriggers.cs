using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

/// <summary>Ways to raise each vector in each mode.</summary>
internal static partial class CellTriggers
{
    /// <summary>Software INT n beyond the exceptions, as a row of the table.</summary>
    public const int SoftwareInterrupt = 0x20;

    private const int TaskVector = 0x30;
    private const int HiddenPage = 0x40;
    private const int HiddenAddress = HiddenPage << 12;

    public static IReadOnlyList<Action> For(int vector, CellContext c) => [.. vector switch
    {
        0 => DivideError(c),
        1 => Debug(c),
        3 => Breakpoint(c),
        4 => Overflow(c),
        5 => BoundRange(c),
        6 => InvalidOpcode(c),
        7 => DeviceNotAvailable(c),
        8 => DoubleFault(c),
        10 => InvalidTss(c),
        11 => SegmentNotPresent(c),
        12 => StackFault(c),
        13 => GeneralProtection(c),
        14 => PageFault(c),
        17 => AlignmentCheck(c),
        SoftwareInterrupt => Software(c),
        _ => throw new ArgumentOutOfRangeException(nameof(vector), vector, "A vector of the coverage table was expected."),
    }];

    // A contributory exception whose own gate is unusable (SDM Vol. 3A, table 6-5).
    private static IEnumerable<Action> DoubleFault(CellContext c)
    {
        if (c.Mode == CaseMode.Real)
        {
            yield return () =>
            {
                c.Image[Register.IdtLimit] = 0x33u << 16;
                Interrupt(c, 0x20 + c.Pick(16));
            };
            yield return () =>
            {
                c.Image[Register.IdtLimit] = c.PickOf(0x23u, 0x30u, 0x33u) << 16;
                c.EmitBytes(0xA1, 0xFF, 0xFF);
            };
            yield break;
        }

        Action<int>[] breaks =
        [
            vector => c.Image.Gate(vector, GateType.Interrupt32, present: false),
            vector => c.Image.Gate(vector, GateType.Trap32, handlerSelector: 0),
            vector => c.Image.Gate(vector, GateType.Interrupt16, handlerSelector: 0x7F8),
            vector => c.Image.Gate(vector, GateType.Interrupt32, handlerSelector: Layout.Data32(0)),
            vector => c.Image.Gate(vector, GateType.Call32),
            vector => c.Image.Gate(vector, GateType.Task, handlerSelector: Layout.Data32(0)),
        ];
        foreach (Action<int> broken in breaks)
        {
            yield return () =>
            {
                broken(0);
                c.Image[Register.Ecx] = 0;
                c.Emit(a => a.div(cl));
            };
            yield return () =>
            {
                broken(13);
                c.EmitBytes(c.Cpl == 0 ? [0x8E, 0xD8] : [0xF4]);
                c.Image[Register.Eax] = (uint)Layout.MainTssSelector;
            };
            yield return () =>
            {
                broken(14);
                c.Image.WithPaging();
                Reach(c, HiddenAddress);
                c.Emit(a => a.mov(al, c.Byte));
            };
        }
    }

    // A task switch to an unusable TSS, noticed while still in the old task.
    private static IEnumerable<Action> InvalidTss(CellContext c)
    {
        GuestImage m = c.Image;
        yield return () =>
        {
            m.Descriptor(Layout.Scratch, Layout.OtherTss32, (uint)c.Pick(0x67), 0x89);
            TaskInterrupt(c, Layout.Scratch);
        };
        yield return () =>
        {
            m.Descriptor(Layout.Scratch, Layout.OtherTss16, (uint)c.Pick(0x2B), 0x81);
            TaskInterrupt(c, Layout.Scratch);
        };
        if (c.IsProtected)
        {
            yield return () =>
            {
                m.Descriptor(Layout.Scratch, Layout.OtherTss32, 0x66, 0xE9);
                m.GateAt(Layout.Gdt + Layout.Scratch + 8, GateType.Task, Layout.Scratch, 0);
                c.Emit(a => a.call((ushort)(Layout.Scratch + 8), 0u));
            };
            yield return () =>
            {
                m.Descriptor(Layout.Scratch, Layout.OtherTss16, 0x2A, 0xE1);
                c.Emit(a => a.jmp((ushort)(Layout.Scratch | 3), 0u));
            };
            foreach (int link in new[] { Layout.Data32(0), Layout.OtherTss32Selector, 0x7F8, Layout.LdtSelector | 4, 0 })
            {
                yield return () =>
                {
                    m[Register.Eflags] |= 0x4000;
                    m.Write16(Layout.MainTss, link);
                    c.Emit(a => a.iretd());
                };
            }
        }
    }

    private static IEnumerable<Action> SegmentNotPresent(CellContext c)
    {
        GuestImage m = c.Image;
        yield return () =>
        {
            int vector = TaskVector + c.Pick(8);
            m.Gate(vector, c.PickOf(GateType.Interrupt32, GateType.Trap16, GateType.Task), present: false);
            Interrupt(c, vector);
        };
        yield return () =>
        {
            m.Descriptor(Layout.Scratch, Layout.OtherTss32, 0x67, 0x09);
            TaskInterrupt(c, Layout.Scratch);
        };
        yield return () =>
        {
            m.Descriptor(Layout.Scratch, Layout.Rom, 0xFFFF, 0x1B, 4);
            m.Gate(TaskVector, c.PickOf(GateType.Interrupt32, GateType.Trap16), handlerSelector: Layout.Scratch);
            Interrupt(c, TaskVector);
        };
        if (c.IsProtected)
        {
            m.Descriptor(Layout.Scratch + 8, 0, 0xFFFFF, 0x73, 0xC);
            m.Descriptor(Layout.Scratch + 0x10, 0, 0xFFFFF, 0x1B | c.Cpl << 5, 0xC);
            m[Register.Eax] = Layout.Scratch + 8 | 3;
            yield return () => c.Emit(a => a.mov(ds, ax));
            yield return () => c.Emit(a => a.mov(fs, ax));
            yield return () =>
            {
                m.Write16(c.DataAddress + 4, Layout.Scratch + 8).Write16(c.DataAddress + 2, Layout.Scratch + 8);
                c.Emit(a => a.lgs(ecx, c.IsRealStyle ? __fword_ptr[si] : __fword_ptr[esi]));
            };
            yield return () => c.Emit(a => a.jmp((ushort)(Layout.Scratch + 0x10), (uint)Layout.Code));
            yield return () => c.Emit(a => a.call((ushort)(Layout.Scratch + 0x10), (uint)Layout.Code));
            yield return () =>
            {
                m.GateAt(Layout.Gdt + Layout.Scratch + 0x18, c.PickOf(GateType.Call16, GateType.Call32, GateType.Task), Layout.ReporterCode, 0, present: false);
                c.Emit(a => a.call((ushort)(Layout.Scratch + 0x18), 0u));
            };
        }
    }

    private static IEnumerable<Action> StackFault(CellContext c)
    {
        GuestImage m = c.Image;
        if (c.IsRealStyle)
        {
            m[Register.Ebp] = 0xFFFF;
            yield return () => c.Emit(a => a.mov(ax, c.StackWord));
            yield return () => c.Emit(a => a.mov(c.StackDword, ecx));
            yield return () => c.Emit(a => a.add(ebx, c.StackDword));
            if (c.Mode == CaseMode.Virtual8086)
            {
                yield return () => WithStackPointer(1, a => a.push(c.PickOf(ax, cx)));
                yield return () => WithStackPointer(0xFFFF, a => a.pop(ax));
                yield return () => WithStackPointer(0xFFFD, a => a.pop(eax));
                yield return () => WithStackPointer(0xFFFF, a => a.ret());
            }

            yield break;
        }

        int limited = Layout.Scratch | c.Cpl;
        m.Descriptor(Layout.Scratch, 0, 0x7FFF, 0x93 | c.Cpl << 5, c.Pick(2) * 4);
        m.Descriptor(Layout.Scratch + 8, 0, 0xFFFFF, 0x13 | c.Cpl << 5, 0xC);
        uint beyond = c.PickOf(0x7FFDu, 0x8000u, 0xFFFFFFFEu);
        yield return () => Limited(a => a.mov(eax, c.StackDword));
        yield return () => Limited(a => a.mov(c.StackDword, ecx));
        yield return () => Limited(a => a.sub(c.StackDword, ecx));
        yield return () =>
        {
            m[Register.Eax] = (uint)(Layout.Scratch + 8 | c.Cpl);
            c.Emit(a => a.mov(ss, ax));
        };
        yield return () =>
        {
            m.Write32(c.DataAddress, 0x1234).Write16(c.DataAddress + 4, Layout.Scratch + 8 | c.Cpl);
            c.Emit(a => a.lss(ebx, __fword_ptr[esi]));
        };
        if (c.Cpl > 0)
        {
            yield return () =>
            {
                Limited(a => a.push(eax));
                m[Register.Esp] = 0x8800;
            };
            yield return () =>
            {
                Limited(a => a.pop(eax));
                m[Register.Esp] = 0x7FFE;
            };
        }

        void Limited(Action<Assembler> emit)
        {
            m[Register.Ss] = (uint)limited;
            m[Register.Ebp] = beyond;
            c.Emit(emit);
        }

        void WithStackPointer(uint pointer, Action<Assembler> emit)
        {
            m[Register.Esp] = pointer;
            c.Emit(emit);
        }
    }

    private static IEnumerable<Action> GeneralProtection(CellContext c)
    {
        GuestImage m = c.Image;
        if (c.IsRealStyle)
        {
            m[Register.Esi] = 0xFFFF;
            yield return () => c.Emit(a => a.mov(ax, c.Word));
            yield return () => c.Emit(a => a.mov(c.Dword, eax));
            yield return () => c.Emit(a => a.inc(c.Word));
        }
        else
        {
            m.Descriptor(Layout.Scratch, Layout.Data, 0xFF, 0x93 | c.Cpl << 5, 4);
            yield return () => Through(0, 0, a => a.mov(al, c.Byte));
            yield return () => Through(Layout.Scratch | c.Cpl, 0xFD, a => a.mov(eax, c.Dword));
            yield return () => Through(Layout.Code32(c.Cpl) | c.Cpl, Layout.Data, a => a.mov(c.Byte, al));
            yield return () => Load(Layout.MainTssSelector);
            yield return () => Load(0x7F8);
            yield return () => c.Emit(a => a.jmp(0, 0u));
            yield return () => c.Emit(a => a.call((ushort)Layout.Data32(c.Cpl), 0u));
        }

        if (c.Mode == CaseMode.Real)
        {
            yield return () =>
            {
                m[Register.Eax] = 0x80000010;
                c.Emit(a => a.mov(cr0, eax));
            };
            yield return () => c.EmitBytes([.. Enumerable.Repeat((byte)0x2E, 15), 0x90]);
            yield break;
        }

        if (c.Cpl > 0)
        {
            byte[][] privileged =
            [
                [0xF4], [0x0F, 0x06], [0x0F, 0x22, 0xC0], [0x0F, 0x20, 0xC0], [0x0F, 0x30], [0x0F, 0x32], [0x0F, 0x08], [0x0F, 0x09], [0x0F, 0x21, 0xF8],
                [0x0F, 0x01, 0x14], [0x0F, 0x01, 0x1C], [0x0F, 0x01, 0xF0], [0x0F, 0x01, 0x3C],
            ];
            yield return () => c.EmitBytes(privileged[c.Pick(privileged.Length)]);
            yield return () =>
            {
                c.RequireIopl(c.Pick(c.Cpl));
                c.EmitBytes(c.PickOf<byte>(0xFA, 0xFB));
            };
            yield return () =>
            {
                c.RequireIopl(c.Pick(c.Cpl));
                c.EmitBytes(c.PickOf<byte[]>([0xE4, 0x55], [0xE7, 0x55], [0xEC], [0xEF]));
            };
        }

        if (c.Mode == CaseMode.Virtual8086)
        {
            yield return () =>
            {
                c.RequireIopl(c.Pick(3));
                c.EmitBytes(c.PickOf<byte[]>([0x9C], [0x9D], [0xCF], [0xCD, 0x25], [0x66, 0x9C], [0x66, 0x9D], [0x66, 0xCF]));
            };
        }
        else
        {
            yield return () =>
            {
                int vector = TaskVector + c.Pick(8);
                m.Gate(vector, GateType.Interrupt32, handlerSelector: c.PickOf(0, 0x7F8, Layout.Data32(0), Layout.LdtSelector));
                Interrupt(c, vector);
            };
        }

        void Through(int selector, int address, Action<Assembler> emit)
        {
            m[Register.Ds] = (uint)selector;
            m[Register.Esi] = (uint)address;
            c.Emit(emit);
        }

        void Load(int selector)
        {
            m[Register.Eax] = (uint)selector;
            AssemblerRegisterSegment target = c.PickOf(ds, es, ss, gs);
            c.Emit(a => a.mov(target, ax));
        }
    }

    private static IEnumerable<Action> PageFault(CellContext c)
    {
        if (c.Mode == CaseMode.Real)
        {
            yield break;
        }

        GuestImage m = c.Image;
        m.WithPaging();
        m[Register.Cr0] |= (uint)c.Pick(2) << 16;
        uint forbidden = c.Cpl == 3 ? c.PickOf(0u, 0x5003u, 0x5001u, 0x5062u) : c.PickOf(0u, 0x5002u, 0x5066u);
        yield return () => Access(0, a => a.mov(al, c.Byte), forbidden);
        yield return () => Access(0, a => a.mov(c.Dword, ecx), forbidden);
        yield return () => Access(4, a => a.xchg(c.Dword, ecx), forbidden);
        yield return () => Access(-1, a => a.mov(c.Word, ax), forbidden);
        yield return () => Access(0xFFD, a => a.mov(eax, c.Dword), 0x5007);
        yield return () => Access(0, a => a.cmp(c.Word, 5), forbidden);
        yield return () =>
        {
            m[Register.Cr0] |= 0x10000;
            Access(8, a => a.mov(c.Dword, ecx), 0x5005);
        };
        if (c.IsProtected && c.Bits == 32)
        {
            yield return () =>
            {
                m.MapPage(HiddenPage, forbidden);
                c.EmitBytes(0xE9, 0xFB, 0xBF, 0x03, 0x00);
            };
        }

        void Access(int offset, Action<Assembler> emit, uint entry)
        {
            m.MapPage(HiddenPage - 1, 0x5007);
            m.MapPage(HiddenPage, entry);
            Reach(c, HiddenAddress + offset);
            c.Emit(emit);
        }
    }

    private static IEnumerable<Action> AlignmentCheck(CellContext c)
    {
        if (c.Cpl != 3)
        {
            yield break;
        }

        GuestImage m = c.Image;
        m[Register.Cr0] |= 0x40000;
        m[Register.Eflags] |= 0x40000;
        m[Register.Esi] += c.PickOf(1u, 3u, 5u);
        yield return () => c.Emit(a => a.mov(ax, c.Word));
        yield return () => c.Emit(a => a.mov(c.Dword, eax));
        yield return () => c.Emit(a => a.add(c.Dword, ecx));
        yield return () => c.Emit(a => a.xchg(c.Dword, ecx));
        yield return () =>
        {
            m[Register.Esp] -= c.PickOf(1u, 3u);
            c.Emit(a => a.push(c.PickOf(eax, ecx)));
        };
        yield return () =>
        {
            m[Register.Ebp] -= 5;
            c.Emit(a => a.mov(ecx, c.StackDword));
        };
    }

    private static IEnumerable<Action> Software(CellContext c)
    {
        yield return () => Interrupt(c, SoftwareInterrupt);
    }

    private static void TaskInterrupt(CellContext c, int selector)
    {
        c.Image.Gate(TaskVector, GateType.Task, handlerSelector: selector);
        Interrupt(c, TaskVector);
    }

    private static void Interrupt(CellContext c, int vector)
    {
        if (c.Mode == CaseMode.Virtual8086)
        {
            c.RequireIopl(3);
        }

        c.EmitBytes(0xCD, (byte)vector);
    }

    // ESI, or DS:SI, to a linear address.
    private static void Reach(CellContext c, int address)
    {
        if (c.IsRealStyle)
        {
            c.Image[Register.Ds] = (uint)(address - 0x100) >> 4;
            c.Image[Register.Esi] = (uint)(address - (int)c.Image[Register.Ds] * 16);
        }
        else
        {
            c.Image[Register.Esi] = (uint)address;
        }
    }
}
