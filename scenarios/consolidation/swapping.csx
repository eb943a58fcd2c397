#load "../prelude.csx"

// Two machines work with more memory than there is. The host swaps pages at random, and each touch of one of them is a fault that no guest sees. A machine's minimum
// is its own.
GuestImage Worker() => Guest.Kernel(k =>
{
    k.Paging = GuestPaging.Paging32;
    k.SystemCall(1, a =>
    {
        a.mov(edi, 0x50000); a.mov(ecx, 48);
        var next = a.Here("next");
        a.Mark("touch"); a.add(__dword_ptr[edi], ebx); a.add(edi, 0x1000); a.dec(ecx); a.jne(next);
    });
    k.User(a =>
    {
        a.mov(ebp, 100); var again = a.Here("again");
        a.mov(eax, 1); a.mov(ebx, ebp); a.@int(GuestKernel.SystemCallVector); a.dec(ebp); a.jne(again);
        a.Done();
    });
});

Scenario("Swapped pages come back when they are touched", covers: "E6", s =>
{
    var host = s.Hosted(80, h =>
    {
        h.Machine("poor", Worker());
        h.Machine("safe", Worker(), minimumPages: 70);
    },
    settings: new HostSettings { SharesPages = false });
    host.Each(Monitor.Unmodified, h =>
    {
        foreach (var m in h.Machines)
        {
            m.Run.Should().MatchBare();
            m.Run.Memory(0x50000).Should().Be(5050);
        }

        h["safe"].Use.SwappedOut.Should().Be(0);
        h["poor"].Use.SwappedIn.Should().BeGreaterThan(48);
        h["poor"].Use.SwappedIn.Should().Be(h["poor"].Run.Events.Count(kind: EngineEventKind.HiddenFault, reason: "swapped"));
    });
});
