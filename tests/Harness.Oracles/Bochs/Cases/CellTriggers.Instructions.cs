using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

// Vectors 0 to 7: raised by what the instruction is or computes.
internal static partial class CellTriggers
{
    private static IEnumerable<Action> DivideError(CellContext c)
    {
        GuestImage m = c.Image;
        m[Register.Ecx] = 0;
        yield return () => c.Emit(a => a.div(cl));
        yield return () => c.Emit(a => a.div(ecx));
        yield return () => c.Emit(a => a.idiv(cx));
        yield return () => c.Emit(a => a.aam(0));
        yield return () => c.Emit(a => a.div(c.Dword));
        yield return () =>
        {
            m[Register.Ecx] = 1;
            c.Emit(a => a.div(ecx));
        };
        yield return () =>
        {
            m[Register.Eax] = 0x8000;
            m[Register.Ecx] = 0xFF;
            c.Emit(a => a.idiv(cl));
        };
    }

    private static IEnumerable<Action> Debug(CellContext c)
    {
        GuestImage m = c.Image;
        Action<Assembler> store = a => a.mov(c.Dword, eax);
        uint address = (uint)c.DataAddress;
        yield return () => c.EmitBytes(0xF1);
        yield return () =>
        {
            m[Register.Eflags] |= 0x100;
            c.Emit(a => a.nop());
        };
        yield return () =>
        {
            m[Register.Eflags] |= 0x100;
            c.Emit(a => a.push(eax));
        };
        yield return () => Watch(1, 0xD0000 | 2, store, address + 2);
        yield return () => Watch(0, 0xF0000 | 2, a => a.mov(eax, c.Dword), address);
        yield return () => Watch(0, 0x10000 | 3, a => a.add(c.Byte, 1), address);
        yield return () => Watch(3, 2 << 6, a => a.nop(), Layout.Code);
        yield return () => Watch(2, 1 << 4, a =>
        {
            a.mov(eax, ebx);
            a.nop();
        }, Layout.Code + (c.Bits == 32 ? 2u : 3u));
        if (c.Mode is CaseMode.Real or CaseMode.Cpl0)
        {
            yield return () => Watch(0, 0x2000, a => a.mov(eax, dr3), 0);
        }

        void Watch(int index, uint control, Action<Assembler> emit, uint at)
        {
            uint enable = control & 0xFFFF;
            m[Register.Dr0 + index] = at;
            m[Register.Eflags] &= ~0x10000u;
            m[Register.Dr7] = 0x400 | (enable is 2 or 3 ? enable << (index * 2) : enable) | (control & 0xFFFF0000) << (index * 4);
            c.Emit(emit);
        }
    }

    private static IEnumerable<Action> Breakpoint(CellContext c)
    {
        yield return () => c.Emit(a => a.int3());
        yield return () => Interrupt(c, 3);
    }

    private static IEnumerable<Action> Overflow(CellContext c)
    {
        yield return () =>
        {
            c.Image[Register.Eflags] |= 0x800;
            c.Emit(a => a.into());
        };
        yield return () => Interrupt(c, 4);
    }

    private static IEnumerable<Action> BoundRange(CellContext c)
    {
        GuestImage m = c.Image;
        yield return () =>
        {
            m.Write16(c.DataAddress, 5).Write16(c.DataAddress + 2, 9);
            m[Register.Eax] = (uint)c.PickOf(4, 10, 0xFFFF, 0x8000);
            c.Emit(a => a.bound(ax, c.Dword));
        };
        yield return () =>
        {
            m.Write32(c.DataAddress, 0xFFFFFFF0).Write32(c.DataAddress + 4, 7);
            m[Register.Ebx] = c.PickOf(8u, 0xFFFFFFEFu, 0x80000000u);
            c.Emit(a => a.bound(ebx, c.IsRealStyle ? __qword_ptr[si] : __qword_ptr[esi]));
        };
        yield return () => Interrupt(c, 5);
    }

    private static IEnumerable<Action> InvalidOpcode(CellContext c)
    {
        c.InvalidOpcodeEnds = false;
        yield return () => c.EmitBytes(0x0F, 0x0B);
        yield return () => c.EmitBytes(0x8E, 0xC8);
        yield return () => c.EmitBytes(0x8D, 0xC1);
        yield return () => c.EmitBytes(0xF0, 0x90);
        yield return () => c.EmitBytes(0xF0, 0x89, 0xC8);
        yield return () => c.EmitBytes(0xFE, 0xF8);
        yield return () => c.EmitBytes(0xFF, 0xFF);
        yield return () => c.EmitBytes(0x8F, 0xC9);
        yield return () => c.EmitBytes(0x0F, 0x01, 0xE8);
        yield return () => c.EmitBytes(0x0F, 0x20, 0xC8);
        yield return () => c.EmitBytes(0xFF, 0xD8);
        yield return () => c.EmitBytes(0x0F, 0xBA, 0xC0, 0x01);
        if (c.IsRealStyle)
        {
            yield return () => c.EmitBytes(0x0F, 0x00, 0xC0);
            yield return () => c.EmitBytes(0x0F, 0x00, 0xD8);
            yield return () => c.EmitBytes(0x63, 0xC8);
            yield return () => c.EmitBytes(0x0F, 0x02, 0xC1);
        }
    }

    private static IEnumerable<Action> DeviceNotAvailable(CellContext c)
    {
        foreach ((uint control, byte[] code) in new (uint, byte[])[]
        {
            (0x04, [0xDB, 0xE3]), (0x08, [0xDB, 0xE3]), (0x0A, [0x9B]), (0x0E, [0x9B]), (0x0C, [0xD9, 0xE8]), (0x08, [0xD9, 0xC0]), (0x04, [0xDF, 0xE0]),
        })
        {
            yield return () =>
            {
                c.Image[Register.Cr0] |= control;
                c.EmitBytes(code);
            };
        }
    }
}
