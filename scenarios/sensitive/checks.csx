#load "../prelude.csx"

// A selector with RPL 1 for a descriptor of privilege 0: ring 0 may not use it, and the shadow descriptor has privilege 1.
const ushort Outer = Selectors.Data0 | 1;
var rows = new (string Name, Action<GuestAssembler> Emit, ushort Selector, string Value, long Bare, long Found013)[]
{
    ("lar", a => a.lar(eax, ecx), Selectors.Code0, "eax", 0x00CF9B00, 0x00CFBB00),
    ("lsl", a => a.lsl(eax, ecx), Selectors.Code0, "eax", 0xFFFFFFFF, 0xFFBFFFFF),  // the limit is clipped below the monitor's region
    ("verr", a => a.verr(cx), Outer, "eflags.ZF", 0, 1),
    ("verw", a => a.verw(cx), Outer, "eflags.ZF", 0, 1),
};

foreach (var row in rows)
{
    Scenario($"{row.Name.ToUpperInvariant()} sees the shadow of the guest's descriptor", covers: "B5", parameters: new { instruction = row.Name }, s =>
    {
        var guest = Guest.Protected32(a =>
        {
            a.mov(edx, __dword_ptr[GuestLayout.Gdt]);
            a.mov(ecx, row.Selector);
            a.cmp(ecx, 0);                            // ZF = 0
            a.Mark(row.Name); row.Emit(a);
            a.Done();
        });

        var run = s.Run(guest);
        run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(0, at: row.Name).And.FirstDivergeFromBare(at: row.Name, value: row.Value, bare: row.Bare));
        run.On("trap013", e => e.Should().FirstDivergeFromBare(at: row.Name, found: row.Found013));
        run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare().And.HaveExits(0, at: row.Name));
    });
}
