#load "../prelude.csx"

// What it costs to tell the processor of a change: hidden faults, which refill the shadow, beside true ones, which the guest's own tables cause.
foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    Scenario($"INVLPG and loads of CR3, true and hidden page faults, shadows {paging}", covers: "E1,E2", new { paging }, s =>
    {
        const uint Data = GuestLayout.ProcessBase + 0x8000, Entry = GuestLayout.ProcessTables + 0x2000 + 8 * 4;
        const int Pages = 4;
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.SystemCall(1, a => a.invlpg(__[Data]));
            k.SystemCall(2, a => { a.mov(eax, cr3); a.mov(cr3, eax); });
            k.SystemCall(3, a => { a.and(__dword_ptr[Entry], ~1); a.invlpg(__[Data]); });
            k.OnFault(Vector.PF, a => { a.add(esp, 4); a.or(__dword_ptr[Entry], 1); a.iretd(); });
            void Program(params int[] calls) => k.User(a =>
            {
                foreach (int call in calls)
                {
                    if (call > 0) { a.mov(eax, call); a.@int(GuestKernel.SystemCallVector); } else { k.Yield(a); }
                    a.nop();
                    using (a.Mark($"after {call}")) { for (uint page = 0; page < Pages; page++) { a.inc(__dword_ptr[Data + page * 0x1000]); } }
                }

                a.Done();
            });
            Program(4, 5, 1, 2, 3, 0);                                            // 4 and 5 are no system calls: the first touch, and the second
            k.User(a => k.Yield(a));
        });

        var options = new Dictionary<string, string> { ["paging"] = paging };
        var run = s.Run(guest, settings: new RunSettings { EngineOptions = options, Monitors = Monitor.Unmodified });
        run.Bare.Memory(GuestLayout.Processes + 0x8000).Should().Be(6);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Any, e => e.Level(0).OfCause("#PF").Should().HaveCount(1, "the page whose entry was cleared"));
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.Hybrid | Monitor.HardwareAssisted, e =>
            e.Events.At("after 0").Count(EngineEventKind.HiddenFault).Should().Be(paging == "cached" ? 0 : Pages));
        s.Fact("hidden faults of four accesses", [.. run.All.Select(e => $"{e.Engine,-9} " + string.Join(", ", new[] { 4, 5, 1, 2, 3, 0 }.Zip(
            ["first", "second", "after INVLPG", "after CR3", "after a true fault", "after another program"],
            (call, name) => $"{name} {e.Events.At($"after {call}").Count(EngineEventKind.HiddenFault)}")))]);
    });
}
