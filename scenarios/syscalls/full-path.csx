#load "../prelude.csx"

foreach (string userReturn in new[] { "trap", "direct" })
{
    Scenario($"The path of a system call and of its return, user return: {userReturn}", covers: "B1", new { userReturn }, s =>
    {
        const int Calls = 10;
        var guest = Guest.Kernel(k =>
        {
            k.OnInterrupt(GuestKernel.SystemCallVector, a => { a.add(eax, 41); a.Mark("return"); a.iretd(); });
            k.User(a =>
            {
                var next = a.CreateLabel();
                a.mov(ecx, Calls);
                a.Label(next);
                a.mov(eax, 1);
                a.Mark("call"); a.@int(GuestKernel.SystemCallVector);
                a.loop(next);
            });
        });

        var run = s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["userReturn"] = userReturn } });
        run.Bare.Eax.Should().Be(42);
        run.Bare.Level(0).Should().BeEmpty("INT through the own gate is no fault");
        run.Each(Monitor.Interpreter | Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveEvents(0, EngineEventKind.Trap));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "call").And.HaveExits(0, at: "return"));
        run.Each(Monitor.Deprivileged, e =>
        {
            // The gate has DPL 0 in the monitor's IDT: INT 80h raises #GP, the monitor enters the guest's handler.
            e.Should().HaveEvents(Calls, EngineEventKind.Trap, "#GP", "software-interrupt", "int", "call").And.HaveEvents(Calls, EngineEventKind.Injection, "vector 128");
            // IRETD from ring 1 to 3 is legal; it traps only because user code is not present while the kernel runs. If it does not, the virtual IF is lost;
            // and from ring 3 to 3 it is a return to the same level, which leaves the kernel's stack in place.
            int traps = userReturn == "trap" ? Calls : 0;
            e.Should().HaveEvents(traps, EngineEventKind.Trap, at: "return").And.HaveEvents(traps, EngineEventKind.Trap, "#NP", at: "return");
            if (traps > 0) { e.Should().MatchBare(); }
            else { e.Should().FirstDivergeFromBare(at: "return", value: e.Engine == "trap013" ? "eflags.IF" : "esp"); }
        });
    });
}
