#load "hypervisor.csx"

Scenario("A hypervisor in guest code sets VMX up, launches its guest and resumes it after each exit", covers: "F1,F9", s =>
{
    const uint Reasons = 0x9000;
    var guest = Hypervisor.Build(
        enter: a =>
        {
            a.mov(__dword_ptr[Reasons], 0); a.vmlaunch();
        },
        exit: a =>
        {
            var off = a.CreateLabel();
            a.inc(__dword_ptr[Reasons]);
            a.mov(edx, __dword_ptr[Reasons]);
            a.mov(eax, 0x4402); a.vmread(__dword_ptr[edx * 4 + Reasons], eax);    // the exit reason
            a.cmp(__dword_ptr[edx * 4 + Reasons], 18); a.je(off);
            a.mov(eax, 0x681E); a.vmread(ebx, eax);                               // past the instruction: RIP plus its length
            a.mov(ecx, 0x440C); a.vmread(ecx, ecx); a.add(ebx, ecx);
            a.vmwrite(eax, ebx);
            a.Mark("resume"); a.vmresume();
            a.Label(off);
            a.vmxoff(); a.Done();
        },
        guest: a =>
        {
            a.Mark("cpuid"); a.cpuid();
            a.Mark("rdmsr"); a.rdmsr();
            a.Mark("direct"); a.push(ebx); a.pop(ebx);
            a.Mark("cr3"); a.mov(cr3, eax);
            a.Mark("vmcall"); a.vmcall();
        });

    var run = s.Run(guest, settings: new RunSettings { ExposeVirtualization = true });
    Enumerable.Range(0, 5).Select(i => run.Bare.Memory(Reasons + 4 * (uint)i)).Should().Equal(4, 10, 31, 28, 18);
    run.Bare.Level(1).Exits.Select(e => e.Cause).Should().Equal("CPUID", "RDMSR", "control-register access", "VMCALL");
    run.Bare.Level(1).Exits.At("direct").Should().BeEmpty();
    run.Bare.Level(1).Count(EngineEventKind.Instruction, "VMLAUNCH").Should().Be(1);
    run.Bare.Level(1).Count(EngineEventKind.Instruction, "VMRESUME").Should().Be(3);
    run.Bare.Level(1).OfKind(EngineEventKind.Entry).Should().HaveCount(4);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
});
