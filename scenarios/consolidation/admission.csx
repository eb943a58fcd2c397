#load "../prelude.csx"

// A host takes on only what it can keep: the minimum of each machine and its monitor's memory have to be there, and what is beyond the minimum has to fit into swap
// space (Waldspurger, OSDI 2002, 6.2).
Scenario("Admission: minimum in memory, the rest in swap space", covers: "E6", s =>
{
    var guest = Guest.Kernel(k => k.User(a => a.Done()));                    // 256 pages
    HostRunSet Run(int pages, int minimum, int swap, int machines) => s.Hosted(
        pages, h => { for (int i = 0; i < machines; i++) { h.Machine($"m{i}", guest, minimumPages: minimum); } },
        settings: new HostSettings { SwapPages = swap, Runs = new RunSettings { Monitors = Monitor.Interpreter } });

    Run(pages: 300, minimum: 100, swap: 3 * 156, machines: 3).Refusal.Should().BeNull();
    Run(pages: 299, minimum: 100, swap: 3 * 156, machines: 3).Refusal.Should().StartWith("m2: its minimum and its monitor need 8592 KiB of memory");
    Run(pages: 300, minimum: 100, swap: 3 * 156 - 1, machines: 3).Refusal.Should().StartWith("m2: beyond its minimum it may have 624 KiB");
    Run(pages: 300, minimum: 257, swap: 0, machines: 1).Refusal.Should().Contain("a minimum from 0 to its 1024 KiB was expected");
});
