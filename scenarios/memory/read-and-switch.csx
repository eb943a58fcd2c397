#load "../prelude.csx"

// The classic exercise: a program reads, the guest switches to another program, a key arrives, the guest switches back and the read returns.
foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    Scenario($"A blocking read() and the page-table switches it costs, shadows {paging}", covers: "E1", new { paging }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.SystemCall(1, a => { a.Mark("blocks"); k.Switch(a); });
            k.OnIrq(1, a =>
            {
                a.@in(al, 0x60);
                a.mov(__byte_ptr[0x9800], al);
                a.Mark("wakes"); k.Switch(a);
            });
            k.SystemCall(2, a => a.movzx(eax, __byte_ptr[0x9800]));
            k.User(a =>
            {
                a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector);
                a.mov(eax, 2); a.@int(GuestKernel.SystemCallVector);
                a.mov(esi, eax); a.Done();
            });
            k.User(a => { var spin = a.Here("spin"); a.inc(edi); a.jmp(spin); });
        });

        var run = s.Run(guest, settings: new RunSettings
        {
            Devices = new GuestDevices { KeyboardInput = [new TimedInput(5_000, new byte[] { 0x1C })] },
            EngineOptions = new Dictionary<string, string> { ["paging"] = paging },
        });
        run.Bare.Esi.Should().Be(0x1E);
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged | Monitor.HardwareAssisted, e =>
        {
            e.Events.OfInstruction("mov").Count(t => t.Detail == "CR3").Should().Be(4, "at boot, then the first program, the second, the first again");
            e.Events.Count(kind: EngineEventKind.Switch, reason: "shadow-found").Should().Be(paging == "cached" ? 1 : 0, "the way back");
            s.Log($"{e.Engine}: {e.Events.Count(kind: EngineEventKind.HiddenFault)} hidden faults, {e.Events.Exits.Count()} exits");
        });
    });
}
