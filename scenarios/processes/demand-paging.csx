#load "../prelude.csx"

Scenario("Pages come at the first touch, full of zeros; a program that touches too many ends the run", covers: "E1", s =>
{
    const uint Heap = GuestLayout.ProcessBase + GuestLayout.ProcessBytes;
    const int Pages = 20, Frames = 80;   // 1 MiB has room for six programs of 16 pages, and there is one
    GuestImage Kernel(int pages) => Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.DemandPages = 200;
        k.User(a =>
        {
            a.xor(esi, esi); a.mov(ebx, Heap); a.mov(ecx, pages);
            var next = a.Here("next");
            a.Mark("touch"); a.add(esi, __dword_ptr[ebx]);
            a.mov(__dword_ptr[ebx], -1);
            a.add(ebx, 0x1000);
            a.dec(ecx); a.jne(next);
            a.mov(edi, __dword_ptr[Heap]);
        });
    });

    var run = s.Run(Kernel(Pages));
    (run.Bare.Esi, run.Bare.Edi).Should().Be((0, uint.MaxValue));
    run.Bare.Level(0).OfCause("#PF").Should().HaveCount(Pages);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Events.Count(EngineEventKind.Trap, "#PF", "reflected", at: "touch").Should().Be(Pages, "the guest's own faults");
        e.Events.Count(EngineEventKind.HiddenFault, at: "touch").Should().BeGreaterThanOrEqualTo(Pages, "then the shadow lacks what the guest has mapped");
    });
    run.Each(Monitor.HardwareAssisted, e => e.Events.At("touch").Exits.OfReason("#PF").Should().HaveCount(Pages));

    var over = s.Run(Kernel(Frames + 1), ends: null);
    over.Bare.Level(0).OfCause("#PF").Should().HaveCount(Frames + 1);
    over.Bare.ExitCode.Should().Be(2 * unchecked((int)(Guest.UnhandledInterrupt + (uint)Vector.PF)) + 1);
    over.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
});
