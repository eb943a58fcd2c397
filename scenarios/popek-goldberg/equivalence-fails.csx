#load "../prelude.csx"

// Sensitive instructions that do not trap outside ring 0: what the guest reads is the monitor's (the bare value, then what the register shows there).
(string Name, Action<Iced.Intel.Assembler> Read, string Cpu)[] probes =
[
    ("push-cs", a => a.push(cs), "yonah"),
    ("mov-ss", a => a.mov(ax, ss), "yonah"),
    ("sgdt", a => a.sgdt(__[0x9000]), "yonah"),
    ("sidt", a => a.sidt(__[0x9000]), "yonah"),
    ("str", a => a.str(ax), "yonah"),
    ("smsw", a => a.smsw(eax), "yonah"),
    ("lar", a => a.lar(eax, ecx), "yonah"),
    ("pushf", a => a.pushfd(), "yonah"),
];
foreach (var (name, read, cpu) in probes)
{
    Scenario($"Equivalence fails where {name} does not trap", covers: "A1", name, s =>
    {
        var guest = Guest.Protected32(a =>
        {
            a.xor(eax, eax);
            a.mov(ecx, Selectors.Code0);
            a.Mark("probe"); read(a);
            a.Done();
        });

        var run = s.Run(guest, cpu);
        run.Each(Monitor.Interpreter | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e =>
        {
            e.Events.At("probe").Traps.Should().BeEmpty();
            e.Equivalence.Holds.Should().BeFalse();
            e.Should().FirstDivergeFromBare(at: "probe").And.ControlResources();
        });
    });
}
