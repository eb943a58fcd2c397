#load "../prelude.csx"

Scenario("A page fault whose handler divides by zero: the handlers nest and return in order", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.OnFault(Vector.PF, a =>
        {
            a.pop(esi);
            a.shl(edi, 4); a.or(edi, 0xE);
            a.xor(ecx, ecx);
            a.Mark("nested"); a.div(ecx);
            a.shl(edi, 4); a.or(edi, 0x2);
            a.mov(__[esp], ebx);
            a.iretd();
        });
        k.OnFault(Vector.DE, a =>
        {
            a.shl(edi, 4); a.or(edi, 0xD);
            a.add(__dword_ptr[esp], 2);                  // behind DIV
            a.iretd();
        });
        k.User(a =>
        {
            var next = a.CreateLabel();
            a.mov(ebx, next);
            a.Mark("outer"); a.mov(eax, __dword_ptr[0x900000]);
            a.Label(next);
            a.shl(edi, 4); a.or(edi, 0xA);
        });
    });

    var run = s.Run(guest);
    run.Bare.Edi.Should().Be(0xED2A, "page fault, divide error, rest of the page fault's handler, program");
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", "reflected", at: "outer").And.HaveEvents(1, EngineEventKind.Trap, "#DE", "reflected", at: "nested");
        e.Events.Injections.Select(i => (i.Cause, i.Cpl)).Should().Equal(("#PF", 3), ("#DE", 0));
    });
});
