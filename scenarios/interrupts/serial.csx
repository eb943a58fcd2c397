#load "../prelude.csx"

Scenario("Serial input arrives while interrupts are masked and in a HLT that waits for it", covers: "B4", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(4, a =>
        {
            a.mov(dx, 0x3F8);
            a.@in(al, dx);                                  // takes the character and the line goes down
            a.mov(ecx, __dword_ptr[0x9800]);
            a.mov(__byte_ptr[ecx + 0x9804], al);
            a.inc(__dword_ptr[0x9800]);
        });
        k.Boot(a =>
        {
            a.mov(__dword_ptr[0x9800], 0);
            a.mov(dx, 0x3FC); a.mov(al, 8); a.@out(dx, al); // OUT2 lets the interrupt out of the UART
            a.mov(dx, 0x3F9); a.mov(al, 1); a.@out(dx, al); // interrupt on received data
            a.mov(ecx, 3000);
            var wait = a.Here("wait");
            a.Mark("masked"); a.loop(wait);
            var next = a.Here("next");
            a.sti();
            a.Mark("halt"); a.hlt();
            a.cli();
            a.cmp(__dword_ptr[0x9800], 2);
            a.jb(next);
        });
    });

    var settings = new RunSettings { Devices = new() { SerialInput = [new TimedInput(1000, "a"u8.ToArray()), new TimedInput(500_000, "b"u8.ToArray())] } };
    var run = s.Run(guest, settings: settings);
    run.Bare.Text(0x9804).Should().Be("ab");
    run.Bare.Level(0).OfCause("vector 36").Should().HaveCount(2);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Any, e => e.Level(0).OfCause("vector 36").Should().HaveCount(2));
    run.Each(Monitor.Unmodified, e => e.Level(0).OfCause("vector 36").Select(i => i.Tick).Should().Equal(run.Bare.Level(0).OfCause("vector 36").Select(i => i.Tick)));
    run.Each(Monitor.Deprivileged, e => e.Events.OfKind(EngineEventKind.Interrupt).At("masked").Should().NotBeEmpty("the host takes its interrupts meanwhile"));
});
