#load "../prelude.csx"

var rows = new (string Name, Action<GuestAssembler> Load)[]
{
    ("pop-ds", a => { a.push(Selectors.Data0 | 1); a.Mark("load"); a.pop(ds); }),
    ("mov-es", a => { a.mov(ecx, Selectors.Data0 | 1); a.Mark("load"); a.mov(es, ecx); }),
};

foreach (var row in rows)
{
    Scenario("A selector of RPL 1 for the kernel's data is #GP in ring 0 only", covers: "B5", parameters: new { instruction = row.Name }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a => { a.inc(ebx); a.Done(); });
            k.Boot(a =>
            {
                a.xor(ebx, ebx);
                row.Load(a);
            });
        });

        var run = s.Run(guest);
        run.Bare.Ebx.Should().Be(1);
        run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(0, at: "load").And.FirstDivergeFromBare(at: "load", value: "#GP", bare: 1, found: 0));
        run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "load"));
    });
}

Scenario("Loading SS with the selector of ring 0 traps and is right", covers: "B5", name: "ss", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.mov(ecx, Selectors.Data0);
        a.Mark("load"); a.mov(ss, ecx);
        a.Done();
    });

    var run = s.Run(guest);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "segment", "mov", "load"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "load"));
});
