#load "../prelude.csx"

Scenario("A program in ring 3 calls the kernel and returns", covers: "B1", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.SystemCall(1, a => a.add(eax, 41));
        k.User(a =>
        {
            a.mov(eax, 1);
            a.@int(GuestKernel.SystemCallVector);
            a.mov(ebx, eax);
            k.Print(a, "back in user mode\n");
        });
    });

    var run = s.Run(guest);
    run.Bare.Console.Should().Be("back in user mode\n");
    run.Each(Monitor.Any, e => e.Console.Should().Be(run.Bare.Console));
    run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
});
