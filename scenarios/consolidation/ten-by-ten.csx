#load "../prelude.csx"

// The exercise: ten machines with ten processes each. How often does the processor change the world, and how many shadow page tables are there: one for each machine, which each
// change of process empties, or one for each process, as long as their memory lasts?
foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    Scenario($"Ten machines with ten processes each, shadows {paging}", covers: "E6, E2", new { paging }, s =>
    {
        GuestImage System(int rounds) => Guest.Kernel(new GuestOptions { MemoryBytes = 2 << 20 }, k =>
        {
            k.Paging = GuestPaging.Paging32;
            for (int program = 0; program < 10; program++)
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
        });

        var host = s.Hosted(4_000, h =>
        {
            for (int machine = 0; machine < 10; machine++) { h.Machine($"m{machine}", System(20)); }
        },
        settings: new HostSettings
        {
            Runs = new RunSettings { Monitors = Monitor.HardwareAssisted, EngineOptions = new Dictionary<string, string> { ["paging"] = paging } },
        });

        host.Each(Monitor.HardwareAssisted, h =>
        {
            foreach (var machine in h.Machines) { machine.Run.Should().MatchBare(); }
            long Switches(string reason) => h.Machines.Sum(m => m.Run.Events.Count(kind: EngineEventKind.Switch, cause: "shadow", reason: reason));
            s.Log($"{h.WorldSwitches} world switches, {h.Machines.Sum(m => m.Use.Shadows.AddressSpaces)} spaces, {h.ShadowFrames} frames; {Switches("shadow-made")} made {Switches("shadow-found")} found {Switches("shadow-recycled")} recycled");
        });
    });
}
