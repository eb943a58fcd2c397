#load "../prelude.csx"

Scenario("A program in ring 3 finds the monitor by SIDT", covers: "B5", s =>
{
    var guest = Guest.Kernel(k => k.User(a =>
    {
        a.push(-1); a.push(-1);                  // the page is there before the pill is taken
        a.Mark("pill"); a.sidt(__[esp]);
        a.mov(ebx, __dword_ptr[esp + 2]);        // the base; kernels keep theirs low here, the monitor lies on top
        a.xor(eax, eax);
        a.cmp(ebx, unchecked((int)0x80000000));
        a.setae(al);
    }));

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(GuestLayout.Idt);
    run.Bare.Eax.Should().Be(0);
    run.Each(Monitor.Interpreter, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged | Monitor.Hybrid, e =>
    {
        e.Should().HaveEvents(0, at: "pill");
        e.Equivalence.FirstDivergence!.At.Should().Be("pill");
        e.Ebx.Should().BeGreaterThanOrEqualTo(GuestLayout.End);
        e.Eax.Should().Be(1, "the pill was red");
    });
    run.Each(Monitor.HardwareAssisted, e =>
    {
        e.Should().MatchBare().And.HaveExits(0, at: "pill");
        e.Eax.Should().Be(0);
    });
});
