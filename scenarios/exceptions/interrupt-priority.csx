#load "../prelude.csx"

Scenario("Two interrupts at the same tick arrive in the order of the controller's priorities", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        foreach (int line in new[] { 5, 10 })
        {
            k.OnIrq(line, a =>
            {
                a.shl(__dword_ptr[0x9800], 8);
                a.or(__dword_ptr[0x9800], line);
            });
        }

        k.Boot(a =>
        {
            var wait = a.CreateLabel();
            a.sti();
            a.Label(wait);
            a.cmp(__dword_ptr[0x9800], 0x100);
            a.jb(wait);
            a.cli();
        });
    });

    var settings = new RunSettings { Injections = [Injection.Interrupt(100, 5), Injection.Interrupt(100, 10)] };
    var run = s.Run(guest, settings: settings);
    run.Bare.Memory(0x9800).Should().Be(0x0A05, "lines 8 to 15 come through line 2");
    run.Bare.Level(0).Select(e => e.Cause).Should().Equal("vector 42", "vector 37");
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Events.Injections.Select(i => i.Cause).Should().Equal("vector 42", "vector 37"));
});
