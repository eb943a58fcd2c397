#load "../prelude.csx"

// Most of these stand for several instructions in the cache, and one lies across two pages.
Scenario("An interrupt at any tick comes between two guest instructions, never within the translation of one", covers: "C5", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnIrq(5, a => { a.pushfd(); a.pop(__dword_ptr[0x9800]); a.inc(__dword_ptr[0x9804]); });
        k.Boot(a =>
        {
            var (near, far, pointer, next, end) = (a.CreateLabel("near"), a.CreateLabel("far"), a.CreateLabel("pointer"), a.CreateLabel("next"), a.CreateLabel("end"));
            a.mov(ecx, 2); a.mov(ebp, pointer);
            a.Label(next);
            a.call(near);
            a.sti(); a.inc(ebx);
            a.pushfd(); a.cli(); a.inc(ebx); a.popfd();
            a.call(__dword_ptr[ebp]);
            a.cli(); a.pushfd(); a.sti(); a.popfd();
            a.loop(next);
            a.sti(); a.nop(); a.jmp(end);
            a.Label(near); a.inc(eax); a.ret(0);
            a.Label(pointer); a.Dd(far);
            a.Label(end); a.cli(); a.Done();
            a.Org(0x10FFD);
            a.Label(far); a.mov(eax, 0x12345678); a.stc(); a.ret();
        });
    });

    s.Sweep(guest, from: 14, to: 61, tick => Injection.Interrupt(tick), run =>
    {
        run.Bare.Memory(0x9804).Should().Be(1);
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.Translating | Monitor.HardwareAssisted, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Translating, e => e.Retired.Translated.Should().BeGreaterThan(20));
    });
});
