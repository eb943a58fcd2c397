#load "../prelude.csx"

(string Name, Action<GuestAssembler, GuestLabel> Transfer)[] transfers =
[
    ("call", (a, target) => a.CallFar32(Selectors.Code3, target)),
    ("jmp", (a, target) => a.JmpFar32(Selectors.Code3, target)),
];
foreach (var (name, transfer) in transfers)
{
    Scenario($"Ring 0 reaches ring 3 by no {name}, only by a return", covers: "A5", name, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a =>
            {
                a.pop(esi);
                a.add(esp, 12);
                a.push(Selectors.Data3); a.push(GuestLayout.UserStack); a.push(Selectors.Code3); a.push(edi);
                a.Mark("return"); a.retf();
            });
            k.Boot(a =>
            {
                var target = a.CreateLabel();
                a.mov(edi, target);
                a.Mark("transfer"); transfer(a, target);
                a.Label(target);
                a.mov(ebx, cs);
            });
        });

        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(Selectors.Code3 & ~3u, "the error code is the selector without its RPL");
        run.Bare.Ebx.Should().Be(Selectors.Code3);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e =>
            e.Should().HaveEvents(1, EngineEventKind.Trap, reason: "reflected", at: "transfer").And.HaveEvents(1, EngineEventKind.Trap, at: "return"));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "transfer").And.HaveExits(0, at: "return"));
    });
}
