#load "../prelude.csx"

Scenario("A timer lets three programs take turns", covers: "B4, E1", s =>
{
    const uint Turns = 0x9800;
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.Timer(100_000, a => { a.inc(__dword_ptr[Turns]); k.Switch(a); });
        foreach (int work in new[] { 60_000, 30_000, 45_000 })
        {
            k.User(a =>
            {
                a.mov(ecx, work);
                var spin = a.Here("spin");
                a.dec(ecx); a.jne(spin);
                k.Print(a, $"{work / 1000} ");
            });
        }
    });

    var run = s.Run(guest);
    run.Bare.Console.Should().Be("30 45 60 ", "the shortest ends first, whoever began");
    long turns = run.Bare.Level(0).OfCause("vector 32").Count();
    turns.Should().Be(run.Bare.Memory(Turns)).And.BeInRange(25, 30, "270,000 ticks in turns of 10,000");
    run.Each(Monitor.Unmodified, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Paravirtual, e => { e.Should().MatchBare(); e.Console.Should().Be("30 45 60 "); });
    run.Each(Monitor.Deprivileged | Monitor.HardwareAssisted, e =>
        e.Events.OfInstruction("mov").Count(t => t.Detail == "CR3").Should().BeGreaterThan((int)turns, "each turn loads the next program's page tables"));
});
