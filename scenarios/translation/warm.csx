#load "../prelude.csx"

Scenario("Once the cache is warm, 95 of 100 instructions of a busy kernel come from it", covers: "C2", s =>
{
    // A program that does nothing but call its kernel, whose call sums a buffer in critical sections; the timer ticks beside it.
    RunSet Run(int calls) => s.Run(Guest.Kernel(k =>
    {
        k.Timer(1000, a => a.inc(__dword_ptr[0x9800]));
        k.SystemCall(1, a =>
        {
            var (sum, next, done) = (a.CreateLabel(), a.CreateLabel(), a.CreateLabel());
            a.mov(ecx, 16);
            a.Label(next);
            a.pushfd(); a.cli(); a.call(sum); a.popfd();
            a.dec(ecx); a.jnz(next);
            a.jmp(done);
            a.Label(sum);
            a.mov(eax, __dword_ptr[ecx * 4 + 0x9900]); a.add(eax, ecx); a.mov(__dword_ptr[ecx * 4 + 0x9900], eax);
            a.ret();
            a.Label(done);
        });
        k.User(a =>
        {
            a.mov(esi, calls);
            var again = a.Here("again");
            a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector);
            a.dec(esi); a.jnz(again);
            a.Done();
        });
    }));

    var (cold, warm) = (Run(5), Run(505));
    warm.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.Translating | Monitor.HardwareAssisted, e => e.Should().MatchBare());
    warm.Each(Monitor.Translating, e =>
    {
        var (before, after) = (cold[e.Engine].Retired, e.Retired);
        double share = (double)(after.Translated - before.Translated) / (after.Translated - before.Translated + after.Emulated - before.Emulated);
        s.Fact(e.Engine, [$"{share:P1} of the kernel's instructions from the cache"]);
        share.Should().BeGreaterThanOrEqualTo(0.95);
        (e.Events.Count(kind: EngineEventKind.Translation) - cold[e.Engine].Events.Count(kind: EngineEventKind.Translation)).Should().BeLessThan(500);
    });
});
