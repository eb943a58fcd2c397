#load "../prelude.csx"

// A process forks; both write to a page that they share, the child ends, the parent learns its number. What each then has is its own.
foreach (var paging in new[] { GuestPaging.Paging32, GuestPaging.Pae })
{
    Scenario($"fork shares pages until one of both writes, wait brings the child's number, {paging}", covers: "A1, D1", new { paging }, s =>
    {
        const uint Shared = GuestLayout.ProcessBase + 0x8000;
        var guest = Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.User(a =>
            {
                var child = a.CreateLabel();
                a.mov(__dword_ptr[Shared], 1);
                k.Fork(a);
                a.test(eax, eax); a.je(child);
                a.mov(esi, eax);
                k.Wait(a);
                a.mov(edi, eax);
                a.Mark("alone"); a.add(__dword_ptr[Shared], 10);
                k.Wait(a);
                a.mov(ebp, eax); a.mov(ecx, __dword_ptr[Shared]);
                a.Done();
                a.Label(child);
                a.Mark("copies"); a.add(__dword_ptr[Shared], 100);
                a.push(__dword_ptr[Shared]);
                k.Print(a, "child\n");
            });
        });

        var run = s.Run(guest);
        run.Bare.Console.Should().Be("child\n");
        (run.Bare.Esi, run.Bare.Edi, (int)run.Bare.Ebp, run.Bare.Ecx).Should().Be((2, 2, -1, 11), "the child wrote to a copy, and there is no other to wait for");
        run.Bare.Level(0).OfCause("#PF").Should().HaveCount(3, "the child copies a page of data and one of its stack; the parent keeps the page it is alone with");
        run.Each(Monitor.Unmodified, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Paravirtual, e => { e.Should().MatchBare(); e.Events.Count(cause: "update-entries").Should().Be(5, "fork, three faults, exit"); });
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted, e => e.Events.OfReason("trace").Should().NotBeEmpty("page tables are write-protected"));
    });
}
