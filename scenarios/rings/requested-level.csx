#load "../prelude.csx"

Scenario("The layout shows in the selectors: the kernel finds its real ring in CS and SS, its user finds ring 3", covers: "A5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.SystemCall(1, a =>
        {
            a.Mark("kernel CS"); a.mov(__word_ptr[0x9800], cs);
            a.mov(__word_ptr[0x9802], ss);
        });
        k.User(a =>
        {
            a.mov(ebx, cs);
            a.mov(edx, ss);
            a.mov(eax, 1);
            a.@int(GuestKernel.SystemCallVector);
        });
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x9800).Should().Be(Selectors.Data0 << 16 | Selectors.Code0);
    run.Each(Monitor.Any, e => (e.Ebx, e.Edx).Should().Be((Selectors.Code3, Selectors.Data3)));
    run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        uint ring = e.Memory(0x9800) & 3;                         // 1 in the 0/1/3 layout, 3 in 0/3/3
        ring.Should().NotBe(0);
        e.Memory(0x9800).Should().Be((Selectors.Data0 | ring) << 16 | Selectors.Code0 | ring);
        e.Should().FirstDivergeFromBare(at: "kernel CS");
    });
    run.On("trap013", e => (e.Memory(0x9800) & 3).Should().Be(1));
});
