#load "../prelude.csx"

foreach (string way in new[] { "wrmsr", "after-sti", "stepped" })
{
    Scenario($"A program's RDTSC reads what the kernel has written to the counter: {way}", covers: "B4", parameters: new { way }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.DB, a => { a.and(__dword_ptr[esp + 8], ~(int)Eflags.TF); a.iretd(); });
            k.Boot(a =>
            {
                a.mov(ecx, Msr.IA32_TIME_STAMP_COUNTER); a.mov(eax, 0x1000); a.mov(edx, 7);
                if (way == "after-sti")
                {
                    a.sti();
                }
                else if (way == "stepped")
                {
                    a.push((int)(Eflags.Fixed | Eflags.TF)); a.popfd();
                }

                a.wrmsr();
                a.nop();
            });
            k.User(a => { a.rdtsc(); a.mov(esi, edx); a.mov(edi, eax); a.Done(); });
        });

        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(7u);
        run.Each(Monitor.Any, e => e.Should().MatchBare());
    });
}
