#load "../prelude.csx"

Scenario("Timer interrupts arrive before the same instruction under every engine", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.Timer(1000, a => a.inc(__dword_ptr[0x9800]));  // line 0 of the interrupt controller, every millisecond of the guest's clock
        k.Boot(a =>
        {
            var wait = a.CreateLabel();
            a.sti();
            a.Label(wait);
            a.hlt();                                     // the clock jumps to the next deadline
            a.cmp(__dword_ptr[0x9800], 3);
            a.jb(wait);
            a.cli();
        });
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x9800).Should().Be(3);
    run.Bare.Level(0).Count(cause: "vector 32").Should().Be(3);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
});
