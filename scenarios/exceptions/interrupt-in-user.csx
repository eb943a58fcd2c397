#load "../prelude.csx"

Scenario("An interrupt before any instruction of a program enters the kernel once and resumes the program", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(5, a =>
        {
            a.inc(__dword_ptr[0x9800]);
            a.mov(eax, __dword_ptr[esp + 36]);           // CS of the interrupted program, behind PUSHAD and EIP
            a.mov(__dword_ptr[0x9804], eax);
            a.mov(__dword_ptr[0x9808], esp);
        });
        k.User(a =>
        {
            var next = a.CreateLabel();
            a.mov(ecx, 8);
            a.Label(next);
            a.push(ecx);
            a.pop(edx);
            a.loop(next);
        });
    });

    // The program starts at tick 33: an earlier interrupt waits for its IF.
    s.Sweep(guest, from: 30, to: 57, tick => Injection.Interrupt(tick), run =>
    {
        run.Bare.Memory(0x9800).Should().Be(1);
        run.Bare.Memory(0x9804).Should().Be(Selectors.Code3);
        run.Bare.Memory(0x9808).Should().Be(GuestLayout.ProcessStacks + GuestLayout.ProcessStackBytes - 52, "five doublewords and PUSHAD on the stack of the TSS");
        run.Each(Monitor.Any, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Injection, "vector 37", "interrupt"));
    });
});
