#load "../prelude.csx"

/// <summary>A ring-0 guest around one instruction, "it": a handler of #GP ends it, INT 40h comes back, there is an LDT, and what the instruction touches was touched before.</summary>
static class SensitiveGuest
{
    /// <summary>Before "it", ECX is 8, EDX the address after it, and the words below the stack and at 9000h are all ones; <paramref name="emit"/> gets that address too.</summary>
    public static GuestImage Build(Action<GuestAssembler> prepare, Action<GuestAssembler, GuestLabel> emit) => Guest.Kernel(k =>
    {
        k.OnInterrupt(0x40, a => a.iretd());
        k.OnFault(Vector.GP, a => { a.inc(ebx); a.Done(); });
        k.Boot(a =>
        {
            var next = a.CreateLabel("next");
            a.mov(__dword_ptr[GuestLayout.Gdt + 0x50], 0xA0000017);  // an LDT of three descriptors at A000h
            a.mov(__dword_ptr[GuestLayout.Gdt + 0x54], 0x00008200);
            a.lgdt(__[0x9008]);
            a.mov(eax, 0x50);
            a.lldt(ax);
            a.mov(__dword_ptr[0x9000], -1);
            a.mov(__dword_ptr[0x9004], -1);
            for (int i = 0; i < 3; i++)
            {
                a.push(-1);
            }

            a.add(esp, 12);
            a.mov(ecx, Selectors.Code0);
            a.mov(edx, next);
            prepare(a);
            a.cmp(eax, 0);                                           // ZF = 0
            a.Mark("it"); emit(a, next);
            a.Label(next);
            a.Done();
            a.Org(0x9008); a.Dw(0x57); a.Dd(GuestLayout.Gdt);
        });
    });
}
