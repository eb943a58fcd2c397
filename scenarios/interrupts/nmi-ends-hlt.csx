#load "../prelude.csx"

Scenario("An NMI ends HLT although interrupts are disabled; blocked by another it does not", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt((byte)Vector.NMI, a =>
        {
            a.inc(__dword_ptr[0x9800]);
            a.cmp(__dword_ptr[0x9804], 0);
            a.mov(__dword_ptr[0x9804], 1);
            var leave = a.CreateLabel();
            a.je(leave);
            a.hlt();                         // NMIs are blocked until IRET: nothing wakes it (SDM Vol. 3A, 6.7.1)
            a.Label(leave);
            a.iretd();
        });
        k.Boot(a => { a.hlt(); a.mov(ebx, 1); a.hlt(); a.mov(ebx, 2); });   // SDM Vol. 2A, HLT
        k.User(a => a.Done());
    });

    var run = s.Run(guest, ends: GuestEnd.HaltedForever, settings: new RunSettings { Injections = [Injection.Nmi(500), Injection.Nmi(900), Injection.Nmi(1300)] });
    (run.Bare.Ebx, run.Bare.Memory(0x9800)).Should().Be((1, 2u));
    run.Each(Monitor.Any & ~Monitor.Paravirtual, e => e.Should().MatchBare());
});
