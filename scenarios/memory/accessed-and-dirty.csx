#load "../prelude.csx"

// The shadow's entries have the processor's accessed and dirty bits; the guest's own are right because nothing is mapped before its first access, nor for writing before its first write.
foreach (var guestPaging in new[] { GuestPaging.Paging32, GuestPaging.Pae })
{
    Scenario($"Accessed and dirty bits under shadow page tables, {guestPaging}", covers: "E1", new { guest = $"{guestPaging}" }, s =>
    {
        const uint Page = GuestLayout.ProcessBase + 0x8000, Bits = 0x9800;
        bool pae = guestPaging == GuestPaging.Pae;
        uint entry = GuestLayout.ProcessTables + (pae ? 0x3000u : 0x2000) + 8 * (pae ? 8u : 4);
        string[] steps = ["untouched", "read", "read again", "written", "written again", "cleared", "read after that", "written at once"];
        var guest = Guest.Kernel(k =>
        {
            k.Paging = guestPaging;
            k.SystemCall(1, a => { a.mov(eax, __dword_ptr[entry]); a.and(eax, (int)(PageEntry.A | PageEntry.D)); a.mov(__[ebp * 4 + (int)Bits], eax); });
            k.SystemCall(2, a => { a.and(__dword_ptr[entry], ~(int)(PageEntry.A | PageEntry.D)); a.invlpg(__[Page]); });
            k.User(a =>
            {
                void Call(int number) { a.mov(eax, number); a.@int(GuestKernel.SystemCallVector); }
                for (int step = 0; step < steps.Length; step++)
                {
                    if (steps[step].StartsWith("cleared") || steps[step].EndsWith("at once")) { Call(2); }
                    using (a.Mark(steps[step]))
                    {
                        a.nop();
                        if (steps[step].StartsWith("read")) { a.mov(ebx, __dword_ptr[Page]); }
                        if (steps[step].StartsWith("written")) { a.mov(__dword_ptr[Page], 1); }
                    }

                    a.mov(ebp, step); Call(1);
                }
            });
        });

        var run = s.Run(guest, settings: new RunSettings { Monitors = Monitor.Unmodified });
        const uint A = PageEntry.A, D = PageEntry.D;
        steps.Select((_, step) => run.Bare.Memory(Bits + (uint)step * 4)).Should().Equal(0, A, A, A | D, A | D, 0, A, A | D);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.Hybrid | Monitor.HardwareAssisted, e => steps.Select(step =>
            e.Events.At(step).OfInstruction("mov").Count(EngineEventKind.HiddenFault)).Should().Equal([0, 1, 0, 1, 0, 0, 1, 1], e.Engine));
    });
}
