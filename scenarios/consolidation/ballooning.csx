#load "../prelude.csx"

// One machine has used 60 pages and freed them, another needs memory later. A balloon driver gives the host just those pages. Without one the host has to swap, and
// takes any page, those that the guest works with among them.
GuestImage Early(bool drives) => Guest.Kernel(k =>
{
    if (drives) { k.Balloon(0x60000, 60); }
    k.Boot(a => { a.cld(); a.mov(edi, 0x60000); a.mov(eax, 0x1234567); a.mov(ecx, 60 * 1024); a.rep.stosd(); });
    k.SystemCall(1, a =>
    {
        a.mov(edi, 0x50000); a.mov(ecx, 16); var next = a.Here("next");
        a.inc(__dword_ptr[edi]); a.add(edi, 0x1000); a.dec(ecx); a.jne(next);
    });
    k.User(a =>
    {
        a.mov(ebp, 1_000); var again = a.Here("again");
        a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); a.dec(ebp); a.jne(again); a.Done();
    });
});

GuestImage late = Guest.Kernel(k =>
{
    k.SystemCall(1, a => a.inc(__dword_ptr[ebx]));
    void Wait(GuestAssembler a, int turns) { a.mov(ecx, turns); var wait = a.Here("wait"); a.dec(ecx); a.jne(wait); }
    k.User(a =>
    {
        Wait(a, 35_000); a.mov(ebx, 0x50000); var next = a.Here("next");
        a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); Wait(a, 200); a.add(ebx, 0x1000); a.cmp(ebx, 0x50000 + 60 * 0x1000); a.jb(next); a.Done();
    });
});

foreach (bool drives in new[] { true, false })
{
    Scenario(drives ? "A balloon takes what is not needed" : "Without a balloon any page may be swapped", covers: "E6", new { balloon = drives }, s => s.Hosted(
        110, h => { h.Machine("early", Early(drives), balloon: drives); h.Machine("late", late); }, settings: new HostSettings { SharesPages = false })
        .Each(Monitor.Unmodified, h =>
        {
            foreach (var m in h.Machines) { m.Run.Should().MatchBare(); }         // the bare machine's balloon is asked for pages at the same ticks
            HostUse early = h["early"].Use;
            (early.MostBallooned > 20, early.SwappedOut > 20, early.SwappedIn > 0).Should().Be((drives, !drives, !drives));
            early.Ballooned.Should().Be(0);                                       // what nobody else needs any more comes back
        }));
}
