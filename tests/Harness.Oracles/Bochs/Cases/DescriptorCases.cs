using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

/// <summary>Every descriptor type seen by LAR, LSL, VERR and VERW, loaded into segment registers, LDTR and TR, and as the target of far jumps and calls.</summary>
internal static class DescriptorCases
{
    private static readonly CaseMode[] Levels = [CaseMode.Cpl0, CaseMode.Cpl3, CaseMode.Cpl1, CaseMode.Cpl2];

    /// <summary>LAR, LSL, VERR, VERW and ARPL.</summary>
    public static IEnumerable<OracleCase> Inspection()
    {
        (string Name, Action<Assembler> Emit)[] instructions =
        [
            ("lar", a => a.lar(ecx, eax)), ("lsl", a => a.lsl(ecx, eax)), ("lar16", a => a.lar(cx, ax)), ("lsl16", a => a.lsl(cx, ax)),
            ("verr", a => a.verr(ax)), ("verw", a => a.verw(ax)),
        ];
        foreach ((string name, Action<Assembler> emit) in instructions)
        {
            for (int type = 0; type < 32; type++)
            {
                for (int variant = 0; variant < 4; variant++)
                {
                    CellContext c = New(variant, type * 4 + variant);
                    int selector = Any(c, type, c.Pick(4), c.Pick(6) != 0);
                    c.Image[Register.Eax] = 0xBEEF0000 | (uint)selector;
                    c.Emit(emit);
                    yield return Finish(c, $"{name}/type{type:x2}/{variant}");
                }
            }

            foreach (int selector in new[] { 0, 3, 4, 0x3F8, 0x400, 0xFFFF, 0xFC, 0x104, Layout.Code32(0) | 3 })
            {
                CellContext c = New(selector & 1, selector);
                c.Image[Register.Eax] = (uint)selector;
                c.Emit(emit);
                yield return Finish(c, $"{name}/selector{selector:x4}");
            }
        }

        for (int pair = 0; pair < 16; pair++)
        {
            CellContext c = New(pair, pair);
            c.Image[Register.Eax] = 0xAAAA0100u | (uint)(pair >> 2);
            c.Image[Register.Ecx] = 0xCCCC0200u | (uint)(pair & 3);
            c.Emit(a => a.arpl(ax, cx));
            yield return Finish(c, $"arpl/{pair:x}");
        }
    }

    /// <summary>Loads of DS, ES, FS, GS, SS, LDTR and TR.</summary>
    public static IEnumerable<OracleCase> Loads()
    {
        foreach (AssemblerRegisterSegment target in new[] { ds, es, fs, gs, ss })
        {
            for (int type = 0; type < 32; type++)
            {
                for (int variant = 0; variant < 3; variant++)
                {
                    CellContext c = New(variant, type * 8 + variant);
                    int selector = type >= 16 && c.Pick(2) == 0
                        ? c.Cpl | Any(c, type, c.Cpl, c.Pick(5) != 0) & ~3
                        : Any(c, type, c.Pick(4), c.Pick(5) != 0);
                    Load(c, target, selector);
                    yield return Finish(c, $"{target.Value}/type{type:x2}/{variant}");
                }
            }

            foreach (int selector in new[] { 0, 1, 2, 3, 4, 0x3F8, 0x400, 0x403, 0xFFFC, 0x104 })
            {
                CellContext c = New(selector, selector);
                Load(c, target, selector);
                yield return Finish(c, $"{target.Value}/selector{selector:x4}");
            }
        }

        foreach ((string name, Action<Assembler> emit) in new (string, Action<Assembler>)[] { ("lldt", a => a.lldt(ax)), ("ltr", a => a.ltr(ax)) })
        {
            for (int type = 0; type < 32; type++)
            {
                CellContext c = New(0, type);
                c.Image[Register.Eax] = (uint)Any(c, type, c.Pick(4), c.Pick(4) != 0);
                c.Emit(emit);
                yield return Finish(c, $"{name}/type{type:x2}");
            }

            foreach (int selector in new[] { 0, 3, 4, 0xFC, 0x400, 0xFFFF })
            {
                CellContext c = New(0, selector);
                c.Image[Register.Eax] = (uint)selector;
                c.Emit(emit);
                yield return Finish(c, $"{name}/selector{selector:x4}");
            }
        }
    }

    /// <summary>Far jumps and calls to every type of descriptor, gates with 0 to 31 parameters among them.</summary>
    public static IEnumerable<OracleCase> Transfers()
    {
        foreach (bool call in new[] { false, true })
        {
            for (int type = 0; type < 32; type++)
            {
                for (int variant = 0; variant < 8; variant++)
                {
                    CellContext c = New(variant, type * 8 + variant);
                    bool near = c.Pick(3) != 0;
                    int selector = Any(c, type, near ? c.Cpl : c.Pick(4), c.Pick(8) != 0);
                    selector = near ? selector & ~3 | c.Cpl : selector;
                    c.Image.Write(Layout.Code + 0x100, 0x0F, 0x0B);
                    Transfer(c, call, selector);
                    yield return Finish(c, $"{(call ? "call" : "jmp")}/type{type:x2}/{variant}");
                }
            }

            for (int index = 0; index < 96; index++)
            {
                CellContext c = New(index, index);
                ThroughCallGate(c, index);
                Transfer(c, call, Layout.Scratch | c.Pick(c.Cpl + 1));
                yield return Finish(c, $"{(call ? "call" : "jmp")}/gate/{index:d2}");
            }
        }
    }

    internal static CellContext New(int variant, int seed)
    {
        var c = new CellContext(Levels[variant & 3], (uint)seed * 7 + 1);
        c.ScatterFlags();
        return c;
    }

    internal static OracleCase Finish(CellContext c, string name) => new(name, c.Mode, c.Image, c.InvalidOpcodeEnds);

    // A descriptor of any type, S in bit 4 of the type, in the GDT or the LDT, with contents that suit the type.
    private static int Any(CellContext c, int type, int dpl, bool present)
    {
        int access = (present ? 0x80 : 0) | dpl << 5 | type;
        bool local = c.Pick(4) == 0 && type >= 16;
        int selector = local ? 0x40 : Layout.Scratch;
        if (type is 4 or 5 or 12 or 6 or 7 or 14 or 15)
        {
            c.Image.GateAt(Layout.Gdt + selector, (GateType)type, type == 5 ? Layout.OtherTss32Selector : Layout.Code32(c.Pick(c.Cpl + 1)), Layout.Code + 0x100, dpl, present);
            return selector | c.Pick(4);
        }

        uint address = type switch
        {
            1 or 3 => Layout.OtherTss16,
            9 or 11 => Layout.OtherTss32,
            2 => Layout.Ldt,
            _ => 0,
        };
        uint limit = type is 1 or 3 or 9 or 11 ? 0x67u : type == 2 ? 0xFFu : c.PickOf(0xFFFFFu, 0xFFFFu, 0x12345u);
        int flags = type is 1 or 3 or 9 or 11 or 2 ? 0 : c.Pick(2) * 8 + c.Pick(2) * 4;
        if (local)
        {
            c.Image.LocalDescriptor(selector, address, limit, access, flags);
            return selector | 4 | c.Pick(4);
        }

        c.Image.Descriptor(selector, address, limit, access, flags);
        return selector | c.Pick(4);
    }

    private static void Load(CellContext c, AssemblerRegisterSegment target, int selector)
    {
        GuestImage m = c.Image;
        int way = c.Pick(3);
        if (way == 0)
        {
            m[Register.Eax] = (uint)selector;
            c.Emit(a => a.mov(target, ax));
        }
        else if (way == 1)
        {
            m.Write32(Layout.Stack3, 0xDDDD0000 | (uint)selector);
            c.Emit(a => a.pop(target));
        }
        else
        {
            m.Write32(c.DataAddress, 0x7450).Write16(c.DataAddress + 4, selector);
            c.Emit(a => LoadPointer(a, target));
        }
    }

    private static void LoadPointer(Assembler a, AssemblerRegisterSegment target)
    {
        AssemblerMemoryOperand pointer = __fword_ptr[esi];
        switch (target.Value)
        {
            case Iced.Intel.Register.DS:
                a.lds(ebx, pointer);
                break;
            case Iced.Intel.Register.ES:
                a.les(ebx, pointer);
                break;
            case Iced.Intel.Register.FS:
                a.lfs(ebx, pointer);
                break;
            case Iced.Intel.Register.GS:
                a.lgs(ebx, pointer);
                break;
            default:
                a.lss(esp, pointer);
                break;
        }
    }

    // Direct or through memory, with either operand size; jumps sometimes to an offset that only a large limit covers.
    private static void Transfer(CellContext c, bool call, int selector)
    {
        bool wide = c.Pick(2) == 0;
        int offset = wide && !call && c.Pick(3) == 0 ? Layout.Rom + Layout.RedirectedStubs : Layout.Code + 0x100;
        byte[] prefix = wide == (c.Bits == 32) ? [] : [0x66];
        byte[] target = wide
            ? [(byte)offset, (byte)(offset >> 8), (byte)(offset >> 16), 0, (byte)selector, (byte)(selector >> 8)]
            : [(byte)offset, (byte)(offset >> 8), (byte)selector, (byte)(selector >> 8)];
        if (c.Pick(2) == 0)
        {
            c.EmitBytes([.. prefix, (byte)(call ? 0x9A : 0xEA), .. target]);
            return;
        }

        c.Image.Write(c.DataAddress, target);
        byte[] address = c.Bits == 32 ? [] : [0x67];
        c.EmitBytes([.. address, .. prefix, 0xFF, (byte)(call ? 0x1E : 0x2E)]);
    }

    private static void ThroughCallGate(CellContext c, int index)
    {
        GuestImage m = c.Image;
        int level = c.Pick(c.Cpl + 1);
        bool conforming = c.Pick(5) == 0;
        int target = conforming ? Layout.Scratch + 8 : c.Pick(2) == 0 ? Layout.Code32(level) : Layout.Code16(level);
        m.Descriptor(Layout.Scratch + 8, 0, 0xFFFFF, 0x9F | level << 5, 0xC);
        m.Write(Layout.Code + 0x100, 0x0F, 0x0B);
        m.GateAt(Layout.Gdt + Layout.Scratch, c.Pick(2) == 0 ? GateType.Call16 : GateType.Call32, target, Layout.Code + 0x100, 3, true, index < 64 ? c.Pick(5) : c.Pick(11));
        switch (c.Pick(10))
        {
            case 0:
                m.GateAt(Layout.Gdt + Layout.Scratch, GateType.Call32, c.PickOf(0, 0x7F8, Layout.Data32(0), Layout.LdtSelector), 0, 3);
                break;
            case 1:
                m.GateAt(Layout.Gdt + Layout.Scratch, GateType.Call32, target, 0, c.Pick(3));
                break;
            case 2 when level > 0 && level < c.Cpl:
                m.Write16(Layout.MainTss + 8 + level * 8, c.PickOf(0, 0x7F8, Layout.Data32(3) | 3, Layout.Code32(level) | level, Layout.Data32(level)));
                break;
            case 3:
                m.Write16(Layout.MainTss + 8 + level * 8, Layout.Data16(level) | level);
                break;
        }
    }
}
