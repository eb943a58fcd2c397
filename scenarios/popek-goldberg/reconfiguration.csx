#load "../prelude.csx"

Scenario("A guest that loads tables, control and debug registers changes only its own", covers: "A1", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var gdt = a.CreateLabel("gdt");
        var pseudo = a.CreateLabel("pseudo");
        using (a.Mark("reconfigure"))
        {
            a.lgdt(__[pseudo]);
            a.lidt(__[pseudo + 6]);
            a.mov(eax, cr0);
            a.or(eax, 8);                          // TS
            a.mov(cr0, eax);
            a.mov(eax, 0x12345678);
            a.mov(dr0, eax);
            a.mov(cr2, eax);
            a.clts();
        }

        a.mov(ebx, dr0);
        a.mov(edx, cr2);
        a.Done();
        a.Align(8);
        a.Label(gdt);
        a.Dq(0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF);
        a.Label(pseudo);
        a.PseudoDescriptor(23, gdt);
        a.Dw(0x7FF); a.Dd(GuestLayout.Idt);
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(0x12345678);
    run.Bare.Edx.Should().Be(0x12345678);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(7, EngineEventKind.Trap, "#GP", "privileged", at: "reconfigure"));
});
