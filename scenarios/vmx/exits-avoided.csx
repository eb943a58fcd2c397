#load "../prelude.csx"

// VT-x lets the guest's own gates and tables work: a system call and its return need no exit. Shadow paging still needs one for the guest's page faults and CR3 loads.
Scenario("System calls cause no exit; page faults and CR3 loads do where the page tables are shadowed", covers: "F8", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.SystemCall(1, a => a.inc(eax));
        k.SystemCall(2, a =>
        {
            a.mov(eax, cr3);
            a.Mark("cr3"); a.mov(cr3, eax);
        });
        k.OnFault(Vector.PF, a =>
        {
            a.add(esp, 4);                                // the error code
            a.mov(ebp, esi);                              // goes on with a valid address
            a.iretd();
        });
        k.User(a =>
        {
            a.mov(ecx, 3);
            var next = a.Here("next");
            a.mov(eax, 1);
            a.Mark("call"); a.@int(GuestKernel.SystemCallVector);
            a.loop(next);
            a.mov(eax, 2); a.@int(GuestKernel.SystemCallVector);
            a.mov(esi, esp); a.sub(esi, 4);
            a.xor(ebp, ebp);                              // page 0 is the kernel's
            a.Mark("fault"); a.mov(__dword_ptr[ebp], eax);
        });
    });

    var run = s.Run(guest);
    run.Bare.Level(0).OfCause("#PF").At("fault").Should().HaveCount(1);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "call"));
    run.On("vtx", e => e.Should().HaveExits(1, at: "cr3", cause: "control-register access").And.HaveEvents(1, EngineEventKind.Exit, reason: "#PF", at: "fault"));
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(3, EngineEventKind.Trap, "#GP", "software-interrupt", "int", "call"));
});
