#load "../prelude.csx"

foreach (int ring in new[] { 1, 2, 3 })
{
    Scenario($"Ring {ring} reads a supervisor page and a user page", covers: "A5", new { ring }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnFault(Vector.PF, a =>
            {
                a.pop(esi);                              // the error code
                a.mov(edi, cr2);
                a.mov(__[esp], ebx);
                a.iretd();
            });
            k.Ring(ring, a =>
            {
                var next = a.CreateLabel();
                a.mov(ebx, next);
                a.mov(ecx, __dword_ptr[GuestLayout.ProcessBase]);   // its own page, a user page
                a.Mark("supervisor"); a.mov(edx, __dword_ptr[0x9800]);
                a.Label(next);
            });
        });

        var run = s.Run(guest);
        bool user = ring == 3;                           // rings 0, 1 and 2 are all supervisor to paging
        run.Bare.Level(0).OfCause("#PF").Should().HaveCount(user ? 1 : 0);
        run.Bare.Esi.Should().Be(user ? ErrorCode.Present | ErrorCode.User : 0);
        run.Bare.Edi.Should().Be(user ? 0x9800u : 0);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", "reflected", at: "supervisor"));
    });
}
