#load "../prelude.csx"

foreach (int level in new[] { 0, 3 })
{
    Scenario($"CLI and port access of ring 3 at IOPL {level}", covers: "A5, B3", new { iopl = level }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.UserFlags = (level == 3 ? Flags.IOPL3 : Flags.None) | Flags.Fixed;
            k.OnFault(Vector.GP, a =>
            {
                a.add(esp, 4);
                a.inc(edi);
                a.mov(__[esp], ebx);
                a.iretd();
            });
            k.User(a =>
            {
                foreach (Action<GuestAssembler> use in new Action<GuestAssembler>[] { x => x.cli(), x => x.@out(0x80, al), x => x.@in(al, 0x64) })
                {
                    var next = a.CreateLabel();
                    a.mov(ebx, next);
                    use(a);
                    a.Label(next);
                }

                a.Mark("permitted");                              // by the map in the TSS, at any IOPL
            });
        });

        var run = s.Run(guest);
        run.Bare.Edi.Should().Be(level == 3 ? 0u : 3u);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "io", "out", "permitted"));
    });
}
