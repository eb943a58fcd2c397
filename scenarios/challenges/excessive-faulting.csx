#load "../prelude.csx"

Scenario("Excessive faulting: SYSENTER and SYSEXIT trap at each call", covers: "B6,F8", s =>
{
    const int Calls = 10;
    var guest = Guest.Kernel(k =>
    {
        var entry = default(GuestLabel);
        k.Boot(a =>
        {
            var start = a.CreateLabel();
            a.jmp(start);
            entry = a.Here("entry");
            a.inc(ebx);
            a.Mark("sysexit"); a.sysexit();          // to EDX, with the stack in ECX
            a.Label(start);
            a.xor(edx, edx);
            a.mov(ecx, 0x174); a.mov(eax, Selectors.Code0); a.wrmsr();
            a.mov(ecx, 0x175); a.mov(eax, GuestLayout.Stack0); a.wrmsr();
            a.mov(ecx, 0x176); a.mov(eax, entry); a.wrmsr();
        });
        k.User(a =>
        {
            a.xor(ebx, ebx);
            a.mov(esi, Calls);
            var next = a.Here("next");
            var back = a.CreateLabel();
            a.mov(edx, back); a.mov(ecx, esp);
            a.Mark("sysenter"); a.sysenter();
            a.Label(back);
            a.dec(esi);
            a.jne(next);
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(Calls);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
        e.Should().HaveEvents(Calls, EngineEventKind.Trap, "#GP", at: "sysenter").And.HaveEvents(Calls, EngineEventKind.Trap, "#GP", at: "sysexit"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "sysenter").And.HaveExits(0, at: "sysexit"));
});
