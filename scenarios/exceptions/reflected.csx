#load "../prelude.csx"

(Vector Vector, Action<GuestAssembler> Raise, uint? Error, bool Traps)[] faults =
[
    (Vector.DE, a => a.div(ecx), null, false),
    (Vector.UD, a => a.ud2(), null, false),
    (Vector.GP, a => a.mov(fs, ecx), 0x78, false),                        // beyond the limit of the GDT
    (Vector.PF, a => a.mov(__dword_ptr[0x900000], eax), ErrorCode.Write, false),
    (Vector.BP, a => a.int3(), null, true),
];
foreach (var (vector, raise, error, traps) in faults)
{
    foreach (int ring in new[] { 0, 3 })
    {
        Scenario($"{Vectors.Name((byte)vector)} of ring {ring} reaches the guest's handler", covers: "B2", new { vector, ring }, s =>
        {
            var guest = Guest.Kernel(k =>
            {
                k.Paging = GuestPaging.Paging32;
                Action<GuestAssembler> body = a =>
                {
                    a.mov(ecx, vector == Vector.GP ? 0x78 : 0);
                    a.Mark("fault"); raise(a);
                    a.Mark("next"); a.nop();
                };
                k.OnInterrupt((byte)vector, a => { a.mov(ebx, esp); a.Done(); });
                if (ring == 0) { k.Boot(body); } else { k.User(body); }
            });

            var run = s.Run(guest);
            uint frame = run.Bare.Ebx;
            uint[] pushed = [.. error is { } code ? new[] { vector == Vector.PF && ring == 3 ? code | ErrorCode.User : code } : [],
                guest.Marks.Single(m => m.Name == (traps ? "next" : "fault")).Start.Value, ring == 0 ? Selectors.Code0 : Selectors.Code3];
            pushed.Select((_, i) => run.Bare.Memory(frame + 4 * (uint)i)).Should().Equal(pushed);
            (frame + 4 * (uint)pushed.Length + (ring == 0 ? 4u : 12u)).Should().Be(ring == 0 ? GuestLayout.Stack : GuestLayout.ProcessStacks + GuestLayout.ProcessStackBytes);
            run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
            run.Each(Monitor.HardwareAssisted, e => e.Should().HaveEvents(0, EngineEventKind.Exit, at: vector == Vector.PF ? "next" : "fault"));
            run.Each(Monitor.Deprivileged, e =>
                e.Should().HaveEvents(1, EngineEventKind.Trap, at: "fault").And.HaveEvents(1, EngineEventKind.Injection, Vectors.Name((byte)vector)));
        });
    }
}
