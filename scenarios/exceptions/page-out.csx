#load "../prelude.csx"

Scenario("A page that goes away at any tick comes back by the guest's own #PF handler", covers: "B2", s =>
{
    const uint Page = 0x60000;
    const uint Entry = GuestLayout.ProcessTables + 0x1000 + Page / 0x1000 * 4;       // of the page tables that the kernel builds
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.NotParavirtual("the kernel writes its page tables as memory");
        k.OnFault(Vector.PF, a =>
        {
            a.pop(esi);                                  // the error code
            a.mov(edi, cr2);
            a.or(__dword_ptr[Entry], 1);
            a.inc(ebp);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.xor(ebp, ebp);
            a.mov(__dword_ptr[Page + 8], 0);
            a.mov(ecx, 6);
            var again = a.Here("again");
            a.Mark("touch"); a.inc(__dword_ptr[Page + 8]);
            a.Mark("rest"); a.loop(again);
        });
    });

    s.Sweep(guest, from: 10, to: 18, tick => Injection.PageOut(tick, new LinearAddress(Page)), run =>
    {
        run.Bare.Memory(Page + 8).Should().Be(6);
        (run.Bare.Ebp, run.Bare.Esi, run.Bare.Edi).Should().Be((1, ErrorCode.Write, Page + 8));
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    });
});
