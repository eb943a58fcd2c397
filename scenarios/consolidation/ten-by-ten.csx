#load "../prelude.csx"

// The exercise: ten machines with ten processes each. How often does the processor change the world, and how many shadow page tables are there: those of one address
// space for each machine, which each change of process empties, or those of each process?
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
                    a.mov(ecx, rounds); var again = a.Here("again");
                    a.inc(__dword_ptr[GuestLayout.ProcessBase + 0x8000]);
                    k.Yield(a); a.dec(ecx); a.jne(again);
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
            h.WorldSwitches.Should().Be(70);                 // 10 machines of 6207 ticks in slices of 1000
            bool cached = paging == "cached";
            h.Machines.Should().OnlyContain(m => m.Use.Shadows.AddressSpaces == (cached ? 12 : 1));      // ten processes; unpaged, and under construction
            (h.ShadowFrames, h.Machines.Max(m => m.Use.Shadows.Frames)).Should().Be(cached ? (820, 82) : (70, 7));
            (h.Machines.Sum(m => m.Run.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-found")) > 1_500).Should().Be(cached);
            h.Machines.Sum(m => m.Run.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-recycled")).Should().Be(0);
        });
    });
}
