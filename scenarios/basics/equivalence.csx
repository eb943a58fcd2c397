#load "../prelude.csx"

Scenario("Interpretation keeps the guest from telling, controls every resource, and is not efficient", covers: "A1", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var next = a.CreateLabel();
        a.mov(ecx, 100);
        a.xor(eax, eax);
        a.Label(next);
        a.add(eax, ecx);
        a.loop(next);
        a.mov(__dword_ptr[0x9000], eax);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Eax.Should().Be(5050);
    run.Bare.Memory(0x9000).Should().Be(5050);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Interpreter, e =>
    {
        e.Should().NotBeEfficient();
        e.Retired.Emulated.Should().Be(run.Bare.Retired.Direct);
    });
});
