#load "hypervisor.csx"

Scenario("With MSR bitmaps only the accesses whose bit is set exit", covers: "F1", s =>
{
    const uint Bitmaps = 0x35000, ReadBit = 0x174, WriteHalf = 0x800;      // reads of 0 to 1FFFh come first, writes of them at 800h
    var guest = Hypervisor.Build(
        enter: a =>
        {
            a.or(__byte_ptr[Bitmaps + ReadBit / 8], 1 << (int)(ReadBit % 8));
            a.or(__byte_ptr[Bitmaps + WriteHalf + 0x175 / 8], 1 << (0x175 % 8));
            a.mov(eax, 0x2004); a.mov(edx, Bitmaps); a.vmwrite(eax, edx);
            a.mov(eax, 0x4002); a.mov(edx, 0x1401E172); a.vmwrite(eax, edx);  // use MSR bitmaps
            a.vmlaunch();
        },
        exit: a =>
        {
            var off = a.CreateLabel();
            a.mov(eax, 0x4402); a.vmread(ebx, eax);
            a.cmp(ebx, 18); a.je(off);                                        // VMCALL
            a.mov(eax, 0x681E); a.vmread(ebx, eax);
            a.add(ebx, 2); a.vmwrite(eax, ebx);                               // RDMSR and WRMSR have two bytes
            a.vmresume();
            a.Label(off);
            a.vmxoff(); a.Done();
        },
        guest: a =>
        {
            a.mov(ecx, 0x174); a.Mark("read-set"); a.rdmsr();
            a.mov(ecx, 0x175); a.Mark("read-clear"); a.rdmsr();
            a.mov(ecx, 0x176); a.Mark("write-clear"); a.wrmsr();
            a.mov(ecx, 0x175); a.Mark("write-set"); a.wrmsr();
            a.mov(ecx, 0x2000); a.Mark("outside"); a.rdmsr();                 // in neither range: always
            a.vmcall();
        });

    var run = s.Run(guest, settings: new RunSettings { ExposeVirtualization = true });
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Bare.Level(1).Exits.Select(e => e.Cause).Should().Equal("RDMSR", "WRMSR", "RDMSR", "VMCALL");
    run.Bare.Level(1).Exits.At("read-clear").Should().BeEmpty();
    run.Bare.Level(1).Exits.At("write-clear").Should().BeEmpty();
    run.Bare.Level(1).Exits.At("outside").Should().HaveCount(1);
});
