#load "../prelude.csx"

Scenario("A page directory that the guest has freed is soon written without traps; the least recently used shadow makes room", covers: "E2", s =>
{
    const uint First = 0x40000;
    const int Directories = 20, Writes = 50;
    var guest = Guest.Kernel(k => k.Boot(a =>
    {
        var tables = new PageTables(GuestPaging.Paging32, 0x30000);
        tables.Map(0, 0, 0x100000, PageRights.Write);
        a.mov(edi, First); a.mov(edx, Directories);              // copies of the directory
        var copy = a.Here("copy");
        a.mov(esi, tables.Directory); a.mov(ecx, 1024); a.rep.movsd();
        a.dec(edx); a.jne(copy);
        a.mov(eax, tables.Directory); a.mov(cr3, eax);
        a.mov(eax, cr0); a.or(eax, unchecked((int)Cr0.PG)); a.mov(cr0, eax);
        for (uint i = 0; i < Directories; i++)
        {
            a.mov(eax, First + i * 0x1000); a.mov(cr3, eax);
            a.inc(__dword_ptr[0x9800]);
        }

        a.mov(eax, First + 0x1000 * (Directories - 2)); a.mov(cr3, eax);
        a.mov(ebx, First + 0x1000 * (Directories - 1));          // the last one is no directory any more
        a.mov(ecx, Writes);
        var next = a.Here("next");
        a.Mark("write"); a.mov(__[ebx + ecx * 4], ecx);
        a.loop(next);
        a.Done();
        tables.Emit(a);
    }));

    var run = s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["paging"] = "cached" } });
    run.Bare.Memory(0x9800).Should().Be(Directories);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged | Monitor.HardwareAssisted, e =>
    {
        e.Events.At("write").Count(kind: EngineEventKind.HiddenFault).Should().Be(1, "the frame is mapped for writing when it is forgotten as a directory");
        e.Events.At("write").OfReason("trace").Should().HaveCount(3);
        e.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-recycled").Should().BeGreaterThan(0);
        e.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-found").Should().Be(1);
    });
});
