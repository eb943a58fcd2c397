#load "../prelude.csx"

// Without a local APIC the task priority's place is taken by the register that kernels of the time touched most beside it: CR0.TS around the coprocessor.
Scenario("Frequent privileged access: each CLTS and each access of CR0 traps", covers: "B6", s =>
{
    const int Switches = 50;
    var guest = Guest.Protected32(a =>
    {
        a.mov(ecx, Switches);
        var next = a.Here("next");
        a.Mark("clts"); a.clts();
        a.Mark("read"); a.mov(eax, cr0);
        a.or(eax, (int)Cr0.TS);
        a.Mark("write"); a.mov(cr0, eax);
        a.loop(next);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Register("cr0").Should().Be(Cr0.PE | Cr0.ET | Cr0.TS);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        foreach (string access in new[] { "clts", "read", "write" })
        {
            e.Should().HaveEvents(Switches, EngineEventKind.Trap, "#GP", "privileged", at: access);
        }
    });
    run.Each(Monitor.HardwareAssisted, e =>
    {
        e.Should().HaveExits(0, at: "read", because: "the read shadow answers");
        e.Should().HaveExits(0, at: "clts").And.HaveExits(0, at: "write", because: "TS is the guest's own, by the mask");
    });
});
