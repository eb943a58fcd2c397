#load "../prelude.csx"

Scenario("Hidden state: a segment register outlives its table entry, but not a trap", covers: "B6", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.mov(__dword_ptr[0x9000], 0x11111111);
        a.mov(__dword_ptr[0x9100], 0x22222222);
        a.mov(ecx, Selectors.Data3);
        a.mov(fs, ecx);                                          // base 0
        a.mov(__word_ptr[GuestLayout.Gdt + (Selectors.Data3 & ~7) + 2], 0x100);  // the entry's base is 100h from now on
        a.Mark("read"); a.mov(eax, __dword_ptr.fs[0x9000]);      // by the descriptor cache
        a.mov(fs, ecx);
        a.mov(ebx, __dword_ptr.fs[0x9000]);                      // by the table
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Eax.Should().Be(0x11111111);
    run.Bare.Ebx.Should().Be(0x22222222);
    run.Each(Monitor.Interpreter | Monitor.Hybrid, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().FirstDivergeFromBare(at: "read", value: "eax", bare: 0x11111111, found: 0x22222222);
        e.Ebx.Should().Be(0x22222222);
    });
    run.Each(Monitor.HardwareAssisted, e => e.Should().MatchBare("hidden parts are in the guest-state area"));
});
