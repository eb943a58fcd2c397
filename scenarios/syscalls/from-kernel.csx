#load "../prelude.csx"

Scenario("The kernel calls itself by INT 80h: no stack switch, and the return to ring 0 cannot be direct", covers: "B1", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt(GuestKernel.SystemCallVector, a =>
        {
            a.mov(ebx, esp);
            a.mov(ecx, __dword_ptr[esp + 4]);
            a.Mark("return"); a.iretd();
        });
        k.Boot(a =>
        {
            a.Mark("call"); a.@int(GuestKernel.SystemCallVector);
            a.mov(edx, esp);
        });
    });

    var run = s.Run(guest);
    run.Bare.Ebx.Should().Be(GuestLayout.Stack - 12, "EFLAGS, CS and EIP: the level does not change");
    run.Bare.Edx.Should().Be(GuestLayout.Stack);
    run.Each(Monitor.Unmodified, e => e.Ecx.Should().Be(Selectors.Code0, "the monitor writes the frame with the virtual selector"));
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "return"));
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "software-interrupt", at: "call");
        // CS on the stack asks for ring 0, which is inside of the ring that executes IRETD.
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "segment", "iretd", "return");
    });
});
