using Harness.Scenarios;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Fuzz;

/// <summary>
/// Pieces of code, in ring 0 or 3, that leave the stack as they found it, keep EBP at a page of data, and come to an end. They change every other register.
/// </summary>
internal sealed class ProgramFragments(GuestAssembler a, Chance chance, uint data)
{
    private const uint DataBytes = 0x800;
    private static readonly AssemblerRegister32[] Registers = [eax, ecx, edx, ebx, esi, edi];

    /// <summary>Ports that answer by the clock or the state of a device, and take no harm from being read.</summary>
    private static readonly byte[] Inputs = [0x21, 0xA1, 0x40, 0x61, 0x64, 0x71];

    /// <summary>Selectors of the guest's tables, of none, and beyond them.</summary>
    private static readonly ushort[] Asked =
    [
        Selectors.Code0, Selectors.Data0, Selectors.Code0 | 1, Selectors.Data0 | 1, Selectors.Code3, Selectors.Data3, Selectors.Tss, Selectors.Code1, Selectors.Data2,
        0, 0x58, 0x68,
    ];

    public bool IsKernel { get; init; }

    public bool SensitiveKernel { get; init; }

    public bool SensitiveUser { get; init; }

    /// <summary>Gives every register a value. At the start of a program.</summary>
    public void Prepare()
    {
        foreach (AssemblerRegister32 register in Registers)
        {
            a.mov(register, chance.Next());
        }

        a.mov(ebp, data);
    }

    /// <summary>So many fragments.</summary>
    public void Emit(int count)
    {
        if (IsKernel)
        {
            a.push(ebp);
            a.mov(ebp, data);
        }

        for (int i = 0; i < count; i++)
        {
            switch (chance.Below(IsKernel ? 9 : 10))
            {
                case 0 or 1:
                    Arithmetic(3 + chance.Below(8));
                    break;
                case 2:
                    Memory(2 + chance.Below(4));
                    break;
                case 3:
                    Loop();
                    break;
                case 4:
                    Block();
                    break;
                case 5:
                    RewriteItself();
                    break;
                case 6 when IsKernel:
                    Device();
                    break;
                case 7 when IsKernel:
                    ReloadTables();
                    break;
                case 6:
                    Exception();
                    break;
                case 7:
                    Harmless();
                    break;
                case 8 when SensitiveKernel:
                    Sensitive(12);
                    break;
                case 8 when SensitiveUser:
                    Sensitive(9);
                    break;
                case 9 when SensitiveUser:
                    Sensitive(9);
                    break;
                default:
                    Subroutine();
                    break;
            }
        }

        if (IsKernel)
        {
            a.pop(ebp);
        }
    }

    /// <summary>A system call with arguments of the program's own, and what came of it into memory.</summary>
    public void Call(uint number, uint? first = null, uint? second = null)
    {
        a.mov(ebx, first ?? chance.Next());
        a.mov(ecx, second ?? chance.Next());
        a.mov(eax, number);
        a.@int(GuestKernel.SystemCallVector);
        a.mov(Place(), eax);
    }

    /// <summary>Reads and writes a page of a window, whatever it is now.</summary>
    public void Touch(uint page)
    {
        uint at = page + (uint)chance.Below(0x3FE) * 4;
        if (chance.Percent(70))
        {
            a.add(eax, __dword_ptr[at]);
        }

        if (chance.Percent(70))
        {
            a.mov(__dword_ptr[at], ecx);
        }

        a.xor(edx, __dword_ptr[at]);
    }

    private AssemblerRegister32 Any() => chance.Of<AssemblerRegister32>(Registers);

    private AssemblerMemoryOperand Place() => __dword_ptr[ebp + chance.Below((int)DataBytes)];

    private void Arithmetic(int count)
    {
        for (int i = 0; i < count; i++)
        {
            AssemblerRegister32 to = Any();
            AssemblerRegister32 from = Any();
            byte shift = (byte)(1 + chance.Below(30));
            switch (chance.Below(22))
            {
                case 0: a.add(to, from); break;
                case 1: a.adc(to, from); break;
                case 2: a.sub(to, from); break;
                case 3: a.sbb(to, from); break;
                case 4: a.and(to, from); break;
                case 5: a.or(to, from); break;
                case 6: a.xor(to, from); break;
                case 7: a.imul(to, from); break;
                case 8: a.mul(from); break;
                case 9: a.rol(to, shift); break;
                case 10: a.shr(to, shift); break;
                case 11: a.sar(to, shift); break;
                case 12: a.shld(to, from, shift); break;
                case 13: a.neg(to); break;
                case 14: a.not(to); break;
                case 15: a.inc(to); break;
                case 16: a.lea(to, __[from + from * 4 + 0x1234]); break;
                case 17: a.bswap(to); break;
                case 18: a.cmovb(to, from); break;
                case 19: a.xadd(to, from); break;
                case 20: a.setl(al); break;
                default: a.mov(to, chance.Next()); break;
            }
        }
    }

    private void Memory(int count)
    {
        for (int i = 0; i < count; i++)
        {
            AssemblerRegister32 register = Any();
            switch (chance.Below(7))
            {
                case 0: a.mov(register, Place()); break;
                case 1: a.mov(Place(), register); break;
                case 2: a.add(Place(), register); break;
                case 3: a.xor(register, Place()); break;
                case 4: a.mov(__byte_ptr[ebp + chance.Below((int)DataBytes)], cl); break;
                case 5: a.xchg(Place(), register); break;
                default:
                    a.push(register);
                    a.pop(Place());
                    break;
            }
        }
    }

    private void Loop()
    {
        a.mov(ecx, 2 + chance.Below(12));
        GuestLabel again = a.Here("again");
        a.add(eax, __dword_ptr[ebp + ecx * 4]);
        a.rol(eax, 3);
        a.mov(__dword_ptr[ebp + ecx * 4], eax);
        if (chance.Percent(50))
        {
            a.dec(ecx);
            a.jne(again);
        }
        else
        {
            a.loop(again);
        }
    }

    private void Block()
    {
        a.cld();
        a.mov(ecx, 1 + chance.Below(10));
        a.lea(edi, __[ebp + chance.Below(0x400)]);
        if (chance.Percent(50))
        {
            a.lea(esi, __[ebp + chance.Below(0x400)]);
            a.rep.movsd();
        }
        else
        {
            a.rep.stosd();
        }
    }

    /// <summary>An instruction runs, is given another operand by the next ones, and runs again.</summary>
    private void RewriteItself()
    {
        a.mov(edx, 2 + chance.Below(2));
        GuestLabel again = a.Here("rewritten");
        a.mov(ebx, chance.Next());
        a.add(eax, ebx);
        a.add(__dword_ptr[again + 1], eax);
        a.dec(edx);
        a.jne(again);
    }

    private void Subroutine()
    {
        GuestLabel routine = a.CreateLabel("routine");
        GuestLabel over = a.CreateLabel("over");
        a.mov(ecx, routine);
        if (chance.Percent(50))
        {
            a.call(ecx);
        }
        else
        {
            a.call(routine);
        }

        a.jmp(over);
        a.Label(routine);
        Arithmetic(2);
        a.ret();
        a.Label(over);
    }

    private void Device()
    {
        a.@in(al, chance.Of<byte>(Inputs));
        a.mov(__byte_ptr[ebp + (int)DataBytes], al);
        if (chance.Percent(30))
        {
            a.mov(al, (byte)chance.Below(0x0E));
            a.@out(0x70, al);
            a.@in(al, 0x71);
            a.mov(__byte_ptr[ebp + (int)DataBytes + 1], al);
        }
    }

    private void ReloadTables()
    {
        a.mov(eax, cr3);
        a.mov(cr3, eax);
        a.invlpg(__[ebp + chance.Below(0x4000)]);
    }

    /// <summary>One that the kernel's handlers leave behind.</summary>
    private void Exception()
    {
        switch (chance.Below(5))
        {
            case 0:
                a.xor(ecx, ecx);
                a.div(ecx);
                break;
            case 1:
                a.ud2();
                break;
            case 2:
                a.cli();
                break;
            case 3:
                a.hlt();
                break;
            default:
                a.int3();
                break;
        }
    }

    /// <summary>Sensitive instructions of a program that shows nothing of its monitor by them: in this state.</summary>
    private void Harmless()
    {
        switch (chance.Below(5))
        {
            case 0:
                a.pushfd();
                a.pop(Place());
                break;
            case 1:
                a.pushfd();
                a.xor(__dword_ptr[esp], (uint)(chance.Next() & 0x8D5));
                a.popfd();
                break;
            case 2:
                a.mov(eax, cs);
                break;
            case 3:
                a.push(ss);
                a.pop(eax);
                break;
            default:
                a.mov(ecx, (uint)chance.Of<ushort>([Selectors.Code3, Selectors.Data3, 0]));
                a.verr(cx);
                a.setne(al);
                break;
        }
    }

    private void Sensitive(int kinds)
    {
        switch (chance.Below(kinds))
        {
            case 0:
                a.sidt(__[ebp + chance.Below(64)]);
                break;
            case 1:
                a.sgdt(__[ebp + chance.Below(64)]);
                break;
            case 2:
                a.sldt(eax);
                break;
            case 3:
                a.str(eax);
                break;
            case 4:
                a.smsw(eax);
                break;
            case 5:
                a.pushfd();
                a.pop(Place());
                break;
            case 6:
                Descriptors();
                break;
            case 7:
                a.push(cs);
                a.pop(eax);
                break;
            case 8:
                a.mov(ax, ss);
                break;
            case 9:
                a.push((uint)(Flags.Fixed | chance.Of<Flags>([Flags.IF, Flags.IOPL3, 0])));
                a.popfd();
                a.cli();
                break;
            case 10:
                FarCall();
                break;
            default:
                a.mov(edi, esp);
                a.push((uint)chance.Of<ushort>([Selectors.Data3, Selectors.Data0, Selectors.Data0 | 1]));
                a.pop(es);
                a.mov(esp, edi);
                a.mov(eax, (uint)Selectors.Data3);
                a.mov(es, eax);
                break;
        }
    }

    private void Descriptors()
    {
        a.mov(ecx, (uint)chance.Of<ushort>(Asked));
        switch (chance.Below(4))
        {
            case 0: a.lar(eax, ecx); break;
            case 1: a.lsl(eax, ecx); break;
            case 2: a.verr(cx); break;
            default: a.verw(cx); break;
        }

        a.setne(al);
    }

    private void FarCall()
    {
        GuestLabel routine = a.CreateLabel("far");
        GuestLabel over = a.CreateLabel("over");
        a.CallFar32(Selectors.Code0, routine);
        a.jmp(over);
        a.Label(routine);
        Arithmetic(2);
        a.retf();
        a.Label(over);
    }
}
