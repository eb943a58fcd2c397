#load "../prelude.csx"

Scenario("A kernel reaches neither its translation nor the translator's data: its segments end below, and GS is its own to see", covers: "C5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.mov(eax, Selectors.Data0);
        a.mov(gs, ax);
        a.mov(__dword_ptr[0x9800], 0x11111111);
        a.cli();
        a.Mark("state"); a.mov(__dword_ptr[0xFFF00000], 0x5A5A5A5A);     // where the virtual IF is, to the monitor
        a.Mark("table"); a.mov(ecx, __dword_ptr[0xFFF10000]);            // where targets of jumps are looked up
        a.Mark("code"); a.mov(edx, __dword_ptr[0xFFF20000]);             // where translated code is
        a.Mark("gs"); a.mov(ebx, __dword_ptr.gs[0x9800]);                // not the translator's GS
        a.MarkEnd("gs");
        a.pushfd(); a.pop(esi);
        a.mov(di, gs);
        a.sti(); a.pushfd(); a.pop(ebp);
        a.Done();
    });

    var run = s.Run(guest);
    (run.Bare.Ecx, run.Bare.Edx, run.Bare.Ebx).Should().Be((0xFFFFFFFF, 0xFFFFFFFF, 0x11111111));
    run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.Translating | Monitor.HardwareAssisted, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Translating, e =>
    {
        foreach (string mark in new[] { "state", "table", "code" })
        {
            e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "compression", at: mark);
        }

        e.Should().HaveEvents(1, EngineEventKind.Callout, "sensitive", "", "mov", at: "gs");
    });
});
