#load "../prelude.csx"

// Table 2-3 of SDM Vol. 3A: without UMIP the instructions that store system registers are not protected from applications.
const uint At = 0x9000;
var rows = new (string Name, Action<GuestAssembler> Emit, string Value, long Bare, long Found013)[]
{
    ("sgdt", a => a.sgdt(__[At]), "[00009000]", 0x4F, 0x6F),         // the limit: the monitor's descriptors lie above the guest's
    ("sidt", a => a.sidt(__[At]), "[00009003]", 0x18, 0x00),         // the base: 1800h, and the monitor's FFC20000h
    ("sldt", a => a.sldt(eax), "eax", 0x50, 0x70),
    ("str", a => a.str(eax), "eax", Selectors.Tss, 0x68),
    ("smsw", a => a.smsw(eax), "eax", Cr0.PE | Cr0.ET, Cr0.PG | Cr0.WP | Cr0.PE | Cr0.ET),
};

foreach (var row in rows)
{
    Scenario($"{row.Name.ToUpperInvariant()} shows the monitor's register", covers: "B5", parameters: new { instruction = row.Name }, s =>
    {
        var guest = Guest.Protected32(a =>
        {
            if (row.Name is "sldt" or "str")
            {
                a.mov(__dword_ptr[GuestLayout.Gdt + 0x50], 0xA0000017);  // an LDT of three descriptors at A000h, behind the others
                a.mov(__dword_ptr[GuestLayout.Gdt + 0x54], 0x00008200);
                a.lgdt(__[At + 8]);
                a.mov(eax, 0x50); a.lldt(ax);
            }

            a.mov(__dword_ptr[At], -1); a.mov(__dword_ptr[At + 4], -1);  // the page is there before the instruction uses it
            a.Mark(row.Name); row.Emit(a);
            a.Done();
            a.Org(At + 8); a.Dw(0x57); a.Dd(GuestLayout.Gdt);
        });

        var run = s.Run(guest);
        run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(0, at: row.Name).And.FirstDivergeFromBare(at: row.Name, value: row.Value, bare: row.Bare));
        run.On("trap013", e => e.Should().FirstDivergeFromBare(at: row.Name, found: row.Found013));
        run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: row.Name));
    });
}
