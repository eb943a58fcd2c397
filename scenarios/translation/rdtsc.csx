#load "../prelude.csx"

Scenario("RDTSC by trap, by callout and in the cache, and what each costs", covers: "C3", s =>
{
    const int Rounds = 100;
    var guest = Guest.Protected32(new GuestOptions { Cr4 = Cr4.TSD }, a =>   // makes it trap outside ring 0, for the monitor's sake
    {
        a.mov(ecx, Rounds);
        var again = a.Here("again");
        a.Mark("rdtsc"); a.rdtsc();
        a.add(ebx, eax); a.adc(esi, edx);
        a.dec(ecx); a.jnz(again);
        a.Done();
    });

    RunSet Run(string emulation) => s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["emulation"] = emulation } });
    var (callout, cached) = (Run("callout"), Run("in-cache"));
    cached.Each(Monitor.Any, e => e.Should().MatchBare());
    callout.Each(Monitor.Translating, e => e.Should().MatchBare().And.HaveEvents(Rounds, EngineEventKind.Callout, "sensitive", "", "rdtsc", at: "rdtsc"));
    cached.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(Rounds, EngineEventKind.Trap, "#GP", "privileged", "rdtsc", at: "rdtsc"));
    cached.Each(Monitor.Translating, e => e.Should().HaveEvents(Rounds, EngineEventKind.InCache, "rdtsc", "", "rdtsc"));
    cached.On("translate", e =>
    {
        long Each(RunSet run, string engine) => run[engine].Events.OfInstruction("rdtsc").Cycles() / Rounds;
        var (trap, call, inside) = (Each(cached, "trap013"), Each(callout, "translate"), Each(cached, "translate"));
        s.Fact("cycles of an RDTSC", [$"trap {trap}, callout {call}, in the cache {inside}"]);
        (trap > call && call > inside).Should().BeTrue("Adams and Agesen measured 2030, 1254 and 216");
    });
});

Scenario("RDTSC in the cache shows the counter that the guest has written, and keeps the flags", covers: "C3", "written", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.mov(ecx, 0x10); a.mov(eax, 0xFFFFFFF0u); a.mov(edx, 7);
        a.wrmsr();
        a.stc();
        a.rdtsc();                                   // the low half overflows on the way
        a.setc(bl);
        a.Done();
    });

    var run = s.Run(guest);
    (run.Bare.Edx, run.Bare.Ebx & 1).Should().Be((7u, 1u));
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Translating, e => e.Should().HaveEvents(1, EngineEventKind.InCache, "rdtsc", "", "rdtsc"));
});
