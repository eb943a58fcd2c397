#load "../prelude.csx"

// Two machines with equal shares: one works with all of its memory, one has filled its own and works with little. Without a tax they have the same; a tax of 75 %
// makes idle pages four times as dear, and the idle machine has to give (Waldspurger, OSDI 2002, 5.2).
GuestImage Toucher(int pages) => Guest.Kernel(k =>
{
    k.Boot(a => { a.cld(); a.mov(edi, 0x50000); a.mov(eax, 7); a.mov(ecx, 70 * 1024); a.rep.stosd(); });
    k.SystemCall(1, a =>
    {
        a.mov(edi, 0x50000); a.mov(ecx, pages);
        var next = a.Here("next");
        a.inc(__dword_ptr[edi]); a.add(edi, 0x1000); a.dec(ecx); a.jne(next);
    });
    k.User(a =>
    {
        a.mov(ebp, 40_000 / pages);
        var again = a.Here("again");
        a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); a.dec(ebp); a.jne(again);
        a.Done();
    });
});

Scenario("Idle memory is taxed", covers: "E6", s =>
{
    HostRunSet Run(double tax) => s.Hosted(
        120, h => { h.Machine("busy", Toucher(70)); h.Machine("idle", Toucher(2)); },
        settings: new HostSettings { IdleTax = tax, SharesPages = false, Runs = new RunSettings { Monitors = Monitor.Interpreter | Monitor.HardwareAssisted } });

    var (free, taxed) = (Run(0), Run(0.75));
    foreach (var (host, isTaxed) in new[] { (free, false), (taxed, true) })
    {
        host.Each(Monitor.Interpreter | Monitor.HardwareAssisted, h =>
        {
            foreach (var m in h.Machines) { m.Run.Should().MatchBare(); }
            var (busy, idle) = (h["busy"].Use, h["idle"].Use);
            (busy.Present > 70, busy.SwappedIn > 5_000).Should().Be((isTaxed, !isTaxed));
            idle.Active.Should().BeLessThan(0.2);                      // 2 of 70 pages, and what code and stack take
            idle.SwappedIn.Should().BeLessThan(10);
        });
    }
});
