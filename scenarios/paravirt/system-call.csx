#load "../prelude.csx"

foreach (bool direct in new[] { false, true })
{
    foreach (GuestPaging paging in new[] { GuestPaging.None, GuestPaging.Paging32 })
    {
        Scenario($"One kernel, two builds: hypercalls in place of what would trap, direct system calls: {direct}, {paging}", covers: "D1,A1", new { direct, paging }, s =>
        {
            const int Calls = 10;
            var guest = Guest.Kernel(k =>
            {
                k.Paging = paging;
                k.DirectSystemCalls = direct;
                k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
                k.User(a =>
                {
                    var next = a.CreateLabel();
                    a.mov(ecx, Calls);
                    a.Label(next);
                    a.mov(eax, 1); a.mov(ebx, ecx);
                    a.Mark("call"); a.@int(GuestKernel.SystemCallVector);
                    a.mov(__dword_ptr[esp - 4], eax);
                    a.loop(next);
                    k.Print(a, "done\n");
                });
            });

            var run = s.Run(guest);
            run.Bare.Console.Should().Be("done\n");
            run.Each(Monitor.Paravirtual, e =>
            {
                e.Should().MatchBare().And.ControlResources().And.BeEfficient();
                // A program's INT 80h goes through the monitor, or by a gate of the processor from ring 3 to ring 1.
                e.Should().HaveEvents(direct ? 0 : Calls, EngineEventKind.Trap, at: "call");
                // The return of every call is one hypercall; the first enters the program.
                e.Should().HaveEvents(Calls + 2, EngineEventKind.Hypercall, "interrupt-return");
                e.Events.OfKind(EngineEventKind.Hypercall).OfCause("multicall").Should().HaveCount(1, "all tables are registered in one batch");
                e.Should().HaveEvents(0, EngineEventKind.HiddenFault, because: "the processor walks the guest's own tables");
            });
            // Emulation of the same kernel: each of its sensitive instructions traps, and the shadow has to be filled.
            run.On("trap013", e => e.Events.OfKind(EngineEventKind.HiddenFault).Should().NotBeEmpty());
        });
    }
}
