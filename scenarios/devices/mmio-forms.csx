#load "../prelude.csx"

Scenario("Every form of access to memory-mapped video is one page fault and one emulated instruction", covers: "B3", s =>
{
    var guest = Guest.Protected32(a =>
    {
        a.mov(ebx, 0xB8000);
        a.mov(eax, 0x07420741);
        a.Mark("dword"); a.mov(__dword_ptr[ebx], eax);
        a.Mark("word"); a.mov(__word_ptr[ebx + 4], 0x0743);
        a.Mark("byte"); a.mov(__byte_ptr[ebx + 6], 0x44);
        a.Mark("read"); a.mov(ecx, __dword_ptr[ebx]);
        a.Mark("modify"); a.inc(__byte_ptr[ebx]);
        a.Mark("exchange"); a.xchg(__byte_ptr[ebx + 2], al);
        a.Mark("extend"); a.movzx(edx, __byte_ptr[ebx + 4]);
        a.Mark("compare"); a.cmp(__byte_ptr[ebx + 6], 0x44);
        a.sete(al);
        a.Done();
    });

    var run = s.Run(guest);
    run.Bare.Screen.Should().StartWith("BACD");
    run.Bare.Ecx.Should().Be(0x07420741);
    run.Bare.Edx.Should().Be(0x43);
    (run.Bare.Eax & 0xFF).Should().Be(1);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(8, EngineEventKind.Trap, "#PF", "mmio"));
    foreach (var mark in guest.Marks)                             // reading and writing in one instruction is one event
    {
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, "#PF", "mmio", at: mark.Name));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, at: mark.Name));
    }
});
