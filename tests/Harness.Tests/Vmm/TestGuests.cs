using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Vmm;

internal static class TestGuests
{
    /// <summary>Counts timer interrupts while it computes.</summary>
    public static GuestImage Timer { get; } = Guest.Kernel(kernel =>
    {
        kernel.Timer(10_000, a => a.inc(__dword_ptr[0x80000]));
        kernel.Boot(a =>
        {
            a.sti();
            GuestLabel again = a.Here("again");
            a.add(ebx, 3);
            a.imul(ecx, ebx);
            a.cmp(__dword_ptr[0x80000], 3);
            a.jb(again);
            a.hlt();
            a.cli();
            a.mov(al, 5);
            a.Done();
        });
    });

    /// <summary>Rewrites an instruction that it has executed, in the page that it runs in.</summary>
    public static GuestImage SelfModifying { get; } = Guest.Protected32(a =>
    {
        GuestLabel patched = a.CreateLabel("patched");
        a.mov(edi, 20);
        GuestLabel again = a.Here("again");
        a.Label(patched);
        a.add(eax, 1);
        a.mov(ecx, patched);
        a.inc(__byte_ptr[ecx + 2]);
        a.dec(edi);
        a.jne(again);
        a.Done();
    });

    /// <summary>Strings under REP, forwards and backwards, overlapping and across pages.</summary>
    public static GuestImage Strings { get; } = Guest.Protected32(a =>
    {
        a.mov(eax, 0x11223344);
        a.mov(edi, 0x80000);
        a.mov(ecx, 3000);
        a.cld();
        a.rep.stosd();
        a.mov(esi, 0x80001);
        a.mov(edi, 0x80FFE);
        a.mov(ecx, 300);
        a.rep.movsb();
        a.std();
        a.mov(esi, 0x81100);
        a.mov(edi, 0x81102);
        a.mov(ecx, 0);
        a.rep.movsd();
        a.mov(ecx, 90);
        a.rep.movsd();
        a.mov(al, 0x44);
        a.mov(ecx, 100);
        a.repne.scasb();
        a.Done();
    });

    /// <summary>Two faults that their handler steps over.</summary>
    public static GuestImage Faults { get; } = Guest.Kernel(kernel =>
    {
        kernel.OnFault(Vector.UD, a =>
        {
            a.inc(ebx);
            a.add(__dword_ptr[esp], 2);
            a.iretd();
        });
        kernel.Boot(a =>
        {
            a.xor(ebx, ebx);
            a.ud2();
            a.ud2();
            a.mov(eax, ebx);
            a.Done();
        });
    });

    /// <summary>A long loop of which every turn leaves a trace in registers and memory; then the end.</summary>
    public static GuestImage Loop { get; } = Guest.Protected32(a =>
    {
        a.mov(ecx, 100_000);
        a.mov(esi, 0x80000);
        GuestLabel again = a.Here("again");
        a.Mark("sum");
        a.add(ebx, ecx);
        a.mov(__[esi], ebx);
        a.dec(ecx);
        a.jne(again);
        a.MarkEnd("sum");
        a.Done();
    });

    public static IEnumerable<GuestImage> All => [Timer, SelfModifying, Strings, Faults, Loop];
}
