#load "../prelude.csx"

// SDM Vol. 3B, 17.3.1.1: so that a breakpoint on the instruction does not stop it again in the middle.
foreach (uint breakpoints in new uint[] { 0, 1 })
{
    foreach (uint target in new uint[] { 0x9900, 0xB8000 })
    {
        Scenario($"A single step in REP MOVSB shows RF until the last iteration: DR7 {breakpoints:X}, to {target:X}h", covers: "B4", new { breakpoints, target }, s =>
        {
            var guest = Guest.Kernel(k =>
            {
                k.NotParavirtual("the kernel stores to memory of a device");
                k.OnFault(Vector.DB, a =>
                {
                    a.mov(ebx, __dword_ptr[0x9800]); a.inc(__dword_ptr[0x9800]);
                    a.mov(edx, __dword_ptr[esp + 8]); a.mov(__dword_ptr[ebx * 4 + 0x9804], edx);
                    a.iretd();
                });
                k.Boot(a =>
                {
                    var traced = a.CreateLabel();
                    a.mov(dr0, eax);                                    // an address where nothing executes
                    a.mov(eax, breakpoints); a.mov(dr7, eax);
                    a.mov(esi, 0x9900); a.mov(edi, target); a.mov(ecx, 3);
                    a.push((int)(Flags.TF | Flags.Fixed)); a.push(Selectors.Code0); a.push(traced);
                    a.iretd();
                    a.Label(traced);
                    a.rep.movsb();
                    a.push((int)Flags.Fixed); a.popfd();
                });
            });

            var run = s.Run(guest);
            Enumerable.Range(0, 4).Select(i => (run.Bare.Memory(0x9804 + 4 * (uint)i) >> 16) & 1).Should().Equal(1, 1, 0, 0);
            run.Each(Monitor.Any, e => e.Should().MatchBare());
        });
    }
}
