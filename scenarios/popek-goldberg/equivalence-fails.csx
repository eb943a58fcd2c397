#load "../prelude.csx"

// Sensitive instructions that do not trap outside ring 0: where the guest sees the monitor's state instead of its own, and its own value.
(string Name, Action<Iced.Intel.Assembler> Read, string Value, long? Bare, long? Found)[] probes =
[
    ("push-cs", a => a.push(cs), "[00007FFC]", Selectors.Code0, null),     // RPL is the real ring
    ("mov-ss", a => a.mov(ax, ss), "eax", Selectors.Data0, null),
    ("sgdt", a => a.sgdt(__[0x9000]), "[00009000]", 0x4F, null),           // the monitor's limit
    ("sidt", a => a.sidt(__[0x9000]), "[00009003]", 0x18, null),           // the monitor's base
    ("str", a => a.str(ax), "eax", Selectors.Tss, null),                   // the monitor's TSS
    ("smsw", a => a.smsw(eax), "eax", 0x11, 0x80010011),                   // PG and WP are the monitor's
    ("lar", a => a.lar(eax, ecx), "eax", 0xCF9B00, null),                  // DPL is the real ring
    ("pushf", a => a.pushfd(), "[00007FFD]", null, 2),                     // IF, which the guest has clear, is set
];
foreach (var (name, read, value, bare, found) in probes)
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

        var run = s.Run(guest, cpu: "yonah");
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e =>
        {
            e.Events.At("probe").Traps.Should().BeEmpty();
            e.Should().FirstDivergeFromBare("probe", value, bare, found).And.ControlResources();
        });
    });
}
