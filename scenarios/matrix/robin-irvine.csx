#load "guest.csx"

// What Robin and Irvine list (USENIX Security 2000, table 2) and, last, IRET: the first value that ring deprivileging gets wrong, or null where it traps instead.
var rows = new (string Name, Action<GuestAssembler> Prepare, Action<GuestAssembler, GuestLabel> Emit, string Wrong)[]
{
    ("sgdt", _ => { }, (a, _) => a.sgdt(__[0x9000]), "[00009000]"),
    ("sidt", _ => { }, (a, _) => a.sidt(__[0x9000]), "[00009003]"),
    ("sldt", _ => { }, (a, _) => a.sldt(eax), "eax"),
    ("smsw", _ => { }, (a, _) => a.smsw(eax), "eax"),
    ("pushf", _ => { }, (a, _) => a.pushfd(), "[00007FFD]"),
    ("popf", a => a.push(0x202), (a, _) => a.popfd(), "eflags.IF"),
    ("lar", _ => { }, (a, _) => a.lar(eax, ecx), "eax"),
    ("lsl", _ => { }, (a, _) => a.lsl(eax, ecx), "eax"),
    ("verr", a => a.mov(ecx, 0x11), (a, _) => a.verr(cx), "eflags.ZF"),
    ("verw", a => a.mov(ecx, 0x11), (a, _) => a.verw(cx), "eflags.ZF"),
    ("pop-seg", a => a.push(0x11), (a, _) => a.pop(ds), "#GP"),
    ("push-seg", _ => { }, (a, _) => a.push(cs), "[00007FFC]"),
    ("call", _ => { }, (a, next) => a.CallFar32(8, next), "[00007FFC]"),
    ("jmp", _ => { }, (a, next) => a.JmpFar32(9, next), "#GP"),
    ("int", _ => { }, (a, _) => a.@int(0x40), null),
    ("ret", a => { a.push(8); a.push(edx); }, (a, _) => a.retf(), null),
    ("str", _ => { }, (a, _) => a.str(eax), "eax"),
    ("mov-seg", _ => { }, (a, _) => a.mov(eax, ss), "eax"),
    ("iret", a => { a.push(0x202); a.push(8); a.push(edx); }, (a, _) => a.iretd(), null),
};

foreach (var row in rows)
{
    Scenario($"{row.Name} on every engine: direct, direct but wrong, trap or exit", covers: "H1,A4", parameters: new { instruction = row.Name }, s =>
    {
        var run = s.Run(SensitiveGuest.Build(row.Prepare, row.Emit));
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "it"));
        run.Each(Monitor.Deprivileged, e => e.Events.Traps.At("it").Should().HaveCount(row.Wrong is null ? 1 : 0));
        run.On("trap013", e => (e.Equivalence.FirstDivergence?.At, e.Equivalence.FirstDivergence?.Value).Should().Be(row.Wrong is null ? (null, null) : ("it", row.Wrong)));
    });
}
