#load "../prelude.csx"

Scenario("A user program writes four characters by a system call that stores them one by one to memory-mapped I/O", covers: "B1, B3", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.NotParavirtual("the kernel stores to memory of a device");
        k.OnInterrupt(GuestKernel.SystemCallVector, a =>
        {
            for (int i = 0; i < 4; i++)
            {
                a.mov(al, __byte_ptr[ebx + i]);
                a.Mark($"store {i}"); a.mov(__byte_ptr[0xB8000 + 2 * i], al);
            }

            a.Mark("return"); a.iretd();
        });
        k.User(a =>
        {
            var text = a.CreateLabel();
            a.mov(ebx, text);
            a.Mark("call"); a.@int(GuestKernel.SystemCallVector);
            a.Done();
            a.Label(text);
            a.Ascii("VMM!");
        });
    });

    var run = s.Run(guest);
    run.Bare.Level(0).Should().BeEmpty("beside INT 80h, which is no fault there, the bare machine has no exception");
    run.Each(Monitor.Any, e => e.Screen.Should().StartWith("VMM!"));
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.HardwareAssisted, e => e.Events.Exits.Where(x => e.Guest.Locate(x.Address).StartsWith("store", StringComparison.Ordinal)).Should().HaveCount(4));
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "software-interrupt", at: "call").And.HaveEvents(4, EngineEventKind.Trap, "#PF", "mmio");
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#NP", at: "return");
        e.Events.Traps.Between(e.Events.At("call").Traps.Single().Tick, e.Events.At("return").Traps.Single().Tick).Should().HaveCount(6);
    });
});
