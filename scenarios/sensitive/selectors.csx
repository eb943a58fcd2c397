#load "../prelude.csx"

var rows = new (string Name, Action<GuestAssembler> Emit, string Value, long Bare)[]
{
    ("push-cs", a => a.push(cs), "[00007FFC]", Selectors.Code0),
    ("push-ss", a => a.push(ss), "[00007FFC]", Selectors.Data0),
    ("mov-cs", a => a.mov(eax, cs), "eax", Selectors.Code0),
    ("mov-ss", a => a.mov(eax, ss), "eax", Selectors.Data0),
};

foreach (var row in rows)
{
    Scenario($"{row.Name} shows the ring that the kernel really runs in", covers: "B5", parameters: new { instruction = row.Name }, s =>
    {
        var guest = Guest.Protected32(a =>
        {
            a.push(eax); a.pop(eax);
            a.Mark("store"); row.Emit(a);
            a.Done();
        });

        var run = s.Run(guest);
        run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(0, at: "store").And.FirstDivergeFromBare(at: "store", value: row.Value, bare: row.Bare));
        run.On("trap013", e => e.Should().FirstDivergeFromBare(at: "store", found: row.Bare | 1));
        run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: "store"));
    });
}
