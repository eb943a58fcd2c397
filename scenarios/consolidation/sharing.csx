#load "../prelude.csx"

// Machines that run the same system have most pages in common: the host finds them by their contents and keeps each once. A write gives a page a frame of its own
// again, and nobody else sees what was written.
GuestImage System(uint number) => Guest.Kernel(k =>
{
    k.Paging = GuestPaging.Paging32;
    k.Boot(a =>
    {
        a.cld(); a.mov(edi, 0x60000); a.mov(eax, 0x5A5A5A5A); a.mov(ecx, 24 * 1024); a.rep.stosd();    // 24 pages with the same bytes
    });
    k.SystemCall(1, a => { a.mov(__dword_ptr[0x60000], ebx); });   // one of them is written to
    k.User(a =>
    {
        a.mov(ecx, 30_000); var wait = a.Here("wait"); a.dec(ecx); a.jne(wait);
        a.mov(eax, 1); a.mov(ebx, number); a.Mark("write"); a.@int(GuestKernel.SystemCallVector);
        a.Done();
    });
});

Scenario("Equal pages are kept once, until one is written", covers: "E6", s =>
{
    var guests = Enumerable.Range(0, 3).Select(i => System((uint)i + 1)).ToArray();
    HostRunSet Run(bool shares) => s.Hosted(
        600, h => { for (int i = 0; i < 3; i++) { h.Machine($"m{i}", guests[i]); } }, settings: new HostSettings { SharesPages = shares });

    var (shared, alone) = (Run(true), Run(false));
    alone.Each(Monitor.Unmodified, h => h.Machines.Sum(m => m.Use.Merged).Should().Be(0));
    shared.Each(Monitor.Unmodified, h =>
    {
        foreach (var (machine, i) in h.Machines.Select((m, i) => (m, i)))
        {
            machine.Run.Should().MatchBare();
            machine.Run.Memory(0x60000).Should().Be((uint)i + 1);
            machine.Run.Memory(0x61000).Should().Be(0x5A5A5A5A);
            machine.Use.Broken.Should().BePositive();
        }

        h.Machines[0].Use.MostShared.Should().BeGreaterThan(h.Machines[0].Use.Present * 2 / 3);
        h.Machines[0].Run.Events.Count(kind: EngineEventKind.HiddenFault, reason: "copy-on-write").Should().Be(h.Machines[0].Use.Broken);
    });
});
