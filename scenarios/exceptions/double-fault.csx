#load "../prelude.csx"

Scenario("A fault that cannot be delivered becomes a double fault with error code 0", covers: "B2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.DF, a =>
        {
            a.mov(esi, __dword_ptr[esp]);                // the error code
            a.mov(edi, __dword_ptr[esp + 4]);            // EIP
            a.Done();
        });
        k.NotParavirtual("the kernel writes its IDT as memory");
        k.Boot(a => a.mov(__dword_ptr[GuestLayout.Idt + 4], 0x8E00 & ~0x8000));   // the gate of #DE is not present
        k.User(a =>
        {
            a.mov(esi, -1);
            a.xor(ecx, ecx);
            a.Mark("fault"); a.div(ecx);
        });
    });

    var run = s.Run(guest);
    run.Bare.Esi.Should().Be(0);
    run.Bare.Edi.Should().Be(guest.Marks.Single(m => m.Name == "fault").Start.Value);
    run.Bare.Level(0).Select(e => e.Cause).Should().Equal("#DE", "#DF");   // the first is tried; its gate raises #NP, which becomes #DF
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(1, EngineEventKind.Trap, "#DE", "reflected", at: "fault");
        e.Events.Injections.Last().Cause.Should().Be("#DF");
    });
});
