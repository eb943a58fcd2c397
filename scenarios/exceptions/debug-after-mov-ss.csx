#load "../prelude.csx"

// SDM Vol. 3A, 6.8.3: MOV SS holds its debug trap back until the next instruction has completed. Where that one exits, the trap has to travel through the VMCS.
Scenario("A data breakpoint on what MOV SS loads is reported after the next instruction", covers: "B4", s =>
{
    const uint Word = 0x9800;
    const uint OneWordRead = 0x00070001;                                         // L0, R/W0 = 11b, LEN0 = 01b
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.DB, a =>
        {
            a.mov(edi, dr6);
            a.mov(esi, __[esp]);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.mov(__dword_ptr[Word], Selectors.Data0);
            a.mov(eax, Word);
            a.mov(dr0, eax);
            a.mov(eax, OneWordRead);
            a.mov(dr7, eax);
            a.xor(eax, eax);
            a.mov(ss, __word_ptr[Word]);
            a.Mark("held"); a.cpuid();
            a.Mark("after"); a.nop();
        });
    });

    var run = s.Run(guest);
    (run.Bare.Edi & 0xF).Should().Be(1);
    run.Bare.Esi.Should().Be(guest.Marks.Single(m => m.Name == "after").Start.Value);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(1, at: "held"));
});
