#load "../prelude.csx"

Action<Iced.Intel.Assembler>[] privileged =
[
    a => a.hlt(), a => a.clts(), a => a.invd(), a => a.wbinvd(), a => a.rdmsr(), a => a.wrmsr(), a => a.invlpg(__[0x9000]), a => a.lgdt(__[0x9000]),
    a => a.lidt(__[0x9000]), a => a.lldt(cx), a => a.ltr(cx), a => a.lmsw(cx), a => a.mov(ecx, cr0), a => a.mov(cr0, ecx), a => a.mov(ecx, dr7), a => a.mov(dr7, ecx),
    a => a.cli(), a => a.sti(), a => a.@in(al, 0x60), a => a.@out(0x80, al),
];
foreach (int ring in new[] { 1, 2, 3 })
{
    Scenario($"Ring {ring} may use no privileged instruction", covers: "A5", new { ring }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a =>
            {
                a.pop(edx);
                a.or(esi, edx);                  // every error code is 0
                a.inc(edi);
                a.mov(__[esp], ebx);             // goes on behind the instruction
                a.iretd();
            });
            k.Ring(ring, a =>
            {
                foreach (var instruction in privileged)
                {
                    var next = a.CreateLabel();
                    a.mov(ebx, next);
                    instruction(a);
                    a.Label(next);
                }
            });
        });

        var run = s.Run(guest);
        run.Bare.Edi.Should().Be((uint)privileged.Length);
        run.Bare.Esi.Should().Be(0);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(privileged.Length, EngineEventKind.Trap, "#GP", "reflected"));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, because: "the exception comes before the exit; at the end the exit port is permitted"));
    });
}
