#load "../prelude.csx"

(string Name, Action<GuestAssembler> Transfer, uint Error)[] transfers =
[
    ("call", a => a.CallFar32(Selectors.Code0, a.Here("target")), Selectors.Code0),
    ("jmp", a => a.JmpFar32(Selectors.Code0, a.Here("target")), Selectors.Code0),
    ("retf", a => { a.push(Selectors.Code0); a.push(0x10000); a.retf(); }, Selectors.Code0),
    ("iret", a => { a.push(Flags.Fixed); a.push(Selectors.Code0); a.push(0x10000); a.iretd(); }, Selectors.Code0),
    ("int", a => a.@int(0x21), (0x21 << 3) | 2),                  // a gate of DPL 0: vector and IDT bit
];
foreach (var (name, transfer, error) in transfers)
{
    Scenario($"Ring 3 reaches no inner ring by a direct {name}", covers: "A5", name, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a =>
            {
                a.pop(esi);
                a.mov(edi, __dword_ptr[esp + 4]);                 // CS of the place that faulted
                a.Done();
            });
            k.User(a =>
            {
                using (a.Mark("transfer"))
                {
                    transfer(a);
                }
            });
        });

        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(error);
        run.Bare.Edi.Should().Be(Selectors.Code3);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "reflected", at: "transfer"));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "transfer"));
    });
}
