#load "../prelude.csx"

// SDM Vol. 3A, Table 6-5: what becomes of a fault whose delivery faults (here by #NP, a contributory exception).
(Vector First, Action<GuestAssembler> Raise, Vector Arrives, uint Error)[] pairs =
[
    (Vector.UD, a => a.ud2(), Vector.NP, (6 << 3) | 3),                          // benign: the second is delivered in its turn, with EXT set
    (Vector.DE, a => a.div(ecx), Vector.DF, 0),                                  // contributory
    (Vector.GP, a => a.mov(fs, edx), Vector.DF, 0),
    (Vector.PF, a => a.mov(__dword_ptr[0x900000], eax), Vector.DF, 0),           // a page fault, then a contributory exception
];
foreach (var (first, raise, arrives, error) in pairs)
{
    Scenario($"{Vectors.Name((byte)first)} behind a gate that is not present arrives as {Vectors.Name((byte)arrives)}", covers: "B2", new { first }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnFault(first, a => a.mov(ebx, 0xBAD));
            k.OnFault(arrives, a =>
            {
                a.pop(esi);
                a.pop(edi);
                a.mov(ebx, (int)arrives);
                a.Done();
            });
            k.NotParavirtual("the kernel writes its IDT as memory");
            k.Boot(a => a.and(__dword_ptr[GuestLayout.Idt + 8 * (int)first + 4], ~0x8000));
            k.User(a =>
            {
                a.mov(edx, 0x78);
                a.xor(ecx, ecx);
                a.Mark("fault"); raise(a);
            });
        });

        var run = s.Run(guest);
        (run.Bare.Ebx, run.Bare.Esi).Should().Be(((uint)arrives, error));
        run.Bare.Edi.Should().Be(guest.Marks.Single(m => m.Name == "fault").Start.Value);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, Vectors.Name((byte)first), "reflected", at: "fault"));
    });
}
