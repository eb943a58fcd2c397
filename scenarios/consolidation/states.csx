#load "../prelude.csx"

// A host under growing pressure: what each reclamation state does (Waldspurger, OSDI 2002, 6.3). One machine has pages that it can do without and a balloon driver,
// another touches more and more pages, faster and faster.
GuestImage giver = Guest.Kernel(new GuestOptions { MemoryBytes = 2 << 20 }, k =>
{
    k.Balloon(0x100000, 200);
    k.Boot(a =>
    {
        a.mov(edi, 0x100000); var next = a.Here("next");
        a.inc(__dword_ptr[edi]); a.add(edi, 0x1000); a.cmp(edi, 0x100000 + 200 * 0x1000); a.jb(next);
    });
    k.User(a => { a.mov(ecx, 60_000); var wait = a.Here("wait"); a.dec(ecx); a.jne(wait); a.Done(); });
});

GuestImage Taker() => Guest.Kernel(new GuestOptions { MemoryBytes = 2 << 20 }, k =>
{
    k.SystemCall(1, a => a.inc(__dword_ptr[ebx]));
    k.User(a =>
    {
        a.mov(ebx, 0x100000); a.mov(edx, 220); var next = a.Here("next");
        a.mov(ecx, edx); a.add(ecx, 1); var wait = a.Here("wait"); a.dec(ecx); a.jne(wait);
        a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); a.add(ebx, 0x1000); a.dec(edx); a.jne(next);
        a.Done();
    });
});

Scenario("Under pressure a host balloons, swaps and blocks", covers: "E6", s =>
{
    var host = s.Hosted(
        330, h => { h.Machine("giver", giver, balloon: true); h.Machine("taker", Taker()); },
        settings: new HostSettings { SharesPages = false, PagesPerSwap = 1 });
    host.Each(Monitor.Unmodified, h =>
    {
        foreach (var m in h.Machines) { m.Run.Should().MatchBare(); }
        h.States.Distinct().Should().Equal(ReclamationState.High, ReclamationState.Soft, ReclamationState.Hard, ReclamationState.Low);
        var (gives, takes) = (h["giver"].Use, h["taker"].Use);
        gives.MostBallooned.Should().BePositive();                     // soft: who has a balloon is asked
        takes.SwappedOut.Should().BePositive();                        // hard: pages go to swap space
        (gives.Blocked, takes.Blocked > 10).Should().Be((0, true));    // low: who has more than its target waits
    });
});
