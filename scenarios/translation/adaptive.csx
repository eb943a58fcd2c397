#load "../prelude.csx"

Scenario("A store that keeps hitting page tables is translated anew: about ten times cheaper", covers: "C4", s =>
{
    RunSet Run(int writes, string adaptation) => s.Run(
        Guest.Protected32(a =>
        {
            var tables = new PageTables(GuestPaging.Paging32, 0x30000);
            tables.Map(0, 0, 0x100000, PageRights.Write);
            a.mov(eax, tables.Directory); a.mov(cr3, eax);
            a.mov(eax, cr0); a.or(eax, Cr0.PG); a.mov(cr0, eax);
            a.mov(ecx, writes);
            var again = a.Here("again");
            a.mov(eax, ecx); a.shl(eax, 12); a.or(eax, 3);
            a.Mark("ptemod"); a.mov(__dword_ptr[0x31000 + 0x90 * 4], eax);   // the entry of a page that nobody touches
            a.MarkEnd("ptemod");
            a.inc(ebx);
            a.dec(ecx); a.jnz(again);
            a.Done();
            tables.Emit(a);
        }),
        settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["adaptation"] = adaptation } });

    const int More = 200;
    long Cost(string adaptation, string engine)
    {
        var (few, many) = (Run(20, adaptation)[engine], Run(20 + More, adaptation)[engine]);
        many.Should().MatchBare().And.ControlResources();
        (long faults, long callouts) = (many.Events.At("ptemod").Traps.Count(), many.Events.At("ptemod").Callouts.OfCause("trace").Count());
        (faults, callouts).Should().Be(adaptation == "on" ? (4, 16 + More) : (20 + More, 0));
        return (many.Events.At("ptemod").Cycles() - few.Events.At("ptemod").Cycles()) / More;
    }

    Run(1, "on").Each(Monitor.Translating, e =>
    {
        var (stubborn, adapted) = (Cost("off", e.Engine), Cost("on", e.Engine));
        s.Fact("cycles of a write", [$"{stubborn} by faults, {adapted} by callouts"]);
        (stubborn / adapted).Should().BeInRange(8, 12);
    });
});

Scenario("A store that has left the page tables for other memory is a copy again", covers: "C4", "reversion", s =>
{
    const int Plain = 1000;
    var guest = Guest.Protected32(a =>
    {
        var tables = new PageTables(GuestPaging.Paging32, 0x30000);
        tables.Map(0, 0, 0x100000, PageRights.Write);
        var store = a.CreateLabel("store");
        a.mov(eax, tables.Directory); a.mov(cr3, eax);
        a.mov(eax, cr0); a.or(eax, Cr0.PG); a.mov(cr0, eax);
        a.mov(edi, 0x31000 + 0x90 * 4); a.mov(ecx, 20);
        a.call(store);
        a.mov(edi, 0x9800); a.mov(ecx, Plain);
        a.call(store);
        a.Done();
        a.Label(store);
        a.Mark("store"); a.mov(__dword_ptr[edi], ecx);
        a.MarkEnd("store");
        a.dec(ecx); a.jnz(store);
        a.ret();
        tables.Emit(a);
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x9800).Should().Be(1);
    run.Each(Monitor.Translating, e =>
    {
        e.Should().MatchBare();
        e.Events.At("store").Callouts.OfCause("trace").Count().Should().BeInRange(16, 30);
        (e.Events.Count(cause: "adaptation"), e.Events.Count(cause: "reversion")).Should().Be((1, 1));
    });
});
