#load "../prelude.csx"

Scenario("The real-time clock behind an index and a data port costs two traps a register", covers: "B3", s =>
{
    byte[] registers = [4, 7, 8, 9, 0x32];                       // hour, day, month, year, century
    var guest = Guest.Protected32(a =>
    {
        for (int i = 0; i < registers.Length; i++)
        {
            a.mov(al, registers[i]);
            a.Mark($"index {i}"); a.@out(0x70, al);
            a.Mark($"data {i}"); a.@in(al, 0x71);
            a.mov(__byte_ptr[0x9800 + i], al);
        }

        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Memory(0x9800, 5).Should().Equal(0x00, 0x01, 0x01, 0x20, 0x20);   // 2020-01-01, midnight, in BCD
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    foreach (var mark in guest.Marks)
    {
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#GP", "io", at: mark.Name));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, at: mark.Name));
    }
});
