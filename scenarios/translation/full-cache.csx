#load "../prelude.csx"

Scenario("A jump whose translation has filled the cache is not linked: what it would lead from is gone", covers: "C2,C5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var (first, second) = (a.CreateLabel("first"), a.CreateLabel("second"));
        a.xor(esi, esi);
        var head = a.Here("head");
        a.inc(ebx);
        a.test(esi, esi); a.jne(second);
        a.inc(esi);
        a.jmp(first);
        a.Align(4096);
        a.Label(first);
        for (int i = 0; i < 308; i++)
        {
            a.add(edx, 0x11111111);                                          // fills the cache but for the room of the unit behind
        }

        a.jmp(head);
        a.Align(4096);
        a.Label(second);
        for (int i = 0; i < 40; i++)
        {
            a.add(ecx, 0x01010101 + i);
        }

        a.Done();
    });

    var run = s.Run(guest, settings: new RunSettings { EngineOptions = new Dictionary<string, string> { ["cacheKiB"] = "4" } });
    run.Each(Monitor.Translating, e => e.Events.Count(kind: EngineEventKind.Translation, cause: "eviction").Should().Be(1));
    run.Each(Monitor.Any, e => e.Should().MatchBare());
});
