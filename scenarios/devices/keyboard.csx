#load "../prelude.csx"

Scenario("Keys arrive by interrupt and are read from port 60h", covers: "B3", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(1, a =>
        {
            a.Mark("read"); a.@in(al, 0x60);
            a.mov(ebx, __dword_ptr[0x9800]);
            a.mov(__byte_ptr[ebx + 0x9804], al);
            a.inc(__dword_ptr[0x9800]);
        });
        k.Boot(a =>
        {
            var wait = a.CreateLabel();
            a.sti();
            a.Label(wait);
            a.hlt();
            a.cmp(__dword_ptr[0x9800], 4);
            a.jb(wait);
            a.cli();
        });
    });

    byte[][] keys = [[0x1C], [0xF0, 0x1C], [0x32], [0xF0, 0x32]];   // a and b, pressed and released, in scan code set 2
    TimedInput[] typed = [.. keys.Select((key, i) => new TimedInput(1_000_000 * (i + 1), key))];
    var run = s.Run(guest, settings: new RunSettings { Devices = new GuestDevices { KeyboardInput = typed } });
    run.Bare.Memory(0x9804, 4).Should().Equal(0x1E, 0x9E, 0x30, 0xB0);   // in set 1, to which the controller translates
    run.Bare.Level(0).OfCause("vector 33").Should().HaveCount(4);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(4, EngineEventKind.Trap, "#GP", "io", "in", "read");
        e.Events.At("read").Select(t => t.Detail).Should().AllBe("60h");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveEvents(4, EngineEventKind.Exit, instruction: "in", at: "read"));
});
