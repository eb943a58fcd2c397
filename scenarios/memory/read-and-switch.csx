#load "../prelude.csx"

// The classic exercise: a program reads, the guest switches to another program, a key arrives, the guest switches back and the read returns.
foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    Scenario($"A blocking read() and the page-table switches it costs, shadows {paging}", covers: "E1", new { paging }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.SystemCall(1, a => k.Switch(a));
            k.OnIrq(1, a => { a.@in(al, 0x60); a.mov(__byte_ptr[0x9800], al); k.Switch(a); });
            k.SystemCall(2, a => a.movzx(eax, __byte_ptr[0x9800]));
            k.User(a =>
            {
                a.mov(eax, 1); a.Mark("read"); a.@int(GuestKernel.SystemCallVector);
                a.mov(eax, 2); a.Mark("back"); a.@int(GuestKernel.SystemCallVector);
                a.mov(esi, eax); a.Done();
            });
            k.User(a => { var spin = a.Here("spin"); a.inc(edi); a.jmp(spin); });
        });
        var keys = new GuestDevices { KeyboardInput = [new TimedInput(5_000, new byte[] { 0x1C })] };
        var options = new Dictionary<string, string> { ["paging"] = paging };

        var run = s.Run(guest, settings: new RunSettings { Devices = keys, EngineOptions = options, CountCr3Loads = true });
        run.Bare.Esi.Should().Be(0x1E);
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        if (run.All.FirstOrDefault(e => e.Kind == Monitor.Hybrid) is not { } timed) { return; }
        long Tick(string mark) => timed.Events.At(mark).Traps.Single().Tick;     // the clock is the guest's: the same under every engine
        RunEvents Within(GuestRun e, int level) => e.Level(level).Between(Tick("read"), Tick("back") - 1);
        long Loads(GuestRun e, int level, string reason) => Within(e, level).Count(EngineEventKind.Cr3Load, reason: reason);
        s.Fact("loads of CR3 from read() to its return", [.. run.All.Where(e => e.Kind != Monitor.Paravirtual).Select(e =>
        {
            Loads(e, 0, "switch").Should().Be(2);
            int real = e.Engine == run.Bare.Engine ? 0 : 1;                       // on the bare machine the guest's are the real ones
            return $"{e.Engine,-9} guest {Loads(e, 0, "switch")}, real {Loads(e, real, "switch")} with another value and {Loads(e, real, "flush")} with the same; {Within(e, 1).Exits.Count()} exits, {Within(e, 1).Count(EngineEventKind.HiddenFault)} hidden faults";
        })]);
        run.Each(Monitor.Deprivileged | Monitor.Hybrid, e => (Loads(e, 1, "switch"), Loads(e, 1, "flush")).Should().Be(paging == "cached" ? (2L, 0L) : (0L, 2L)));
        run.Each(Monitor.HardwareAssisted, e => Loads(e, 1, "switch").Should().Be(2 * (Within(e, 1).Exits.Count() + Within(e, 1).Count(EngineEventKind.HiddenFault))));
    });
}
