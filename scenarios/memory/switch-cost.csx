#load "../prelude.csx"

// What a switch between two processes costs shadow page tables: emptied by each CR3 load (a virtual TLB), or kept for each address space.
foreach (var guestPaging in new[] { GuestPaging.Paging32, GuestPaging.Pae })
{
    foreach (string paging in new[] { "virtual-tlb", "cached" })
    {
        Scenario($"Hidden faults of a context switch, {guestPaging}, shadows {paging}", covers: "E1, E2", new { guest = $"{guestPaging}", paging }, s =>
        {
            RunSet Run(int rounds) => s.Run(
                Guest.Kernel(k =>
                {
                    k.Paging = guestPaging;
                    for (int program = 0; program < 2; program++)
                    {
                        k.User(a =>
                        {
                            a.mov(ecx, rounds);
                            var again = a.Here("again");
                            a.inc(__dword_ptr[GuestLayout.ProcessBase + 0x8000]);
                            k.Yield(a);
                            a.dec(ecx); a.jne(again);
                        });
                    }
                }),
                settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["paging"] = paging } });

            var (few, many) = (Run(4), Run(24));                 // 40 switches more
            many.Bare.Memory(GuestLayout.Processes + 0x8000).Should().Be(24);
            many.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
            many.Each(Monitor.Deprivileged | Monitor.Hybrid | Monitor.HardwareAssisted, e =>
            {
                long Faults(GuestRun run) => run.Events.Count(kind: EngineEventKind.HiddenFault);
                long more = Faults(e) - Faults(few[e.Engine]);
                long found = e.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-found");
                s.Log($"{e.Engine}: {more} hidden faults for 40 switches, {found} shadows found");
                (more == 0, more > 40).Should().Be((paging == "cached", paging == "virtual-tlb"));
                (found - few[e.Engine].Events.Count(kind: EngineEventKind.Switch, reason: "shadow-found")).Should().Be(paging == "cached" ? 40 : 0);
            });
        });
    }
}
