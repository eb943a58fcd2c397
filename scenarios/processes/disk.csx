#load "../prelude.csx"

Scenario("A program reads two sectors of a disk by programmed I/O; each access to a port is an event", covers: "B3", s =>
{
    const uint Buffer = GuestLayout.ProcessBase + 0x4000;
    const int Words = 256;
    byte[] disk = [.. Enumerable.Range(0, 8 * 512).Select(i => (byte)(i / 512 * 16 + i % 16))];
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.User(a =>
        {
            foreach (int sector in new[] { 5, 2 })
            {
                a.mov(ebx, sector); a.mov(ecx, Buffer + (uint)sector * 512);
                k.ReadSector(a);
                a.or(edi, eax);
            }

            a.mov(esi, __dword_ptr[Buffer + 5 * 512]); a.mov(ebp, __dword_ptr[Buffer + 2 * 512 + 508]);
            a.mov(ebx, 8); a.mov(ecx, Buffer);           // behind the end of the disk
            k.ReadSector(a);
            a.Done();
        });
    });

    var run = s.Run(guest, settings: new RunSettings { Devices = new GuestDevices { Disks = [() => DiskImage.FromBytes(disk)] } });
    (run.Bare.Esi, run.Bare.Ebp, run.Bare.Edi, (int)run.Bare.Eax).Should().Be((0x53525150, 0x2F2E2D2C, 0, -1));
    run.Bare.Memory(GuestLayout.Processes + 0x4000 + 5 * 512, 512).Should().Equal(disk[(5 * 512)..(6 * 512)]);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted, e =>
    {
        e.Events.OfInstruction("in").Count(t => t.Detail == "1F0h").Should().Be(2 * Words, "the disk hands out words");
        s.Fact(e.Engine, [$"{e.Events.OfInstruction("in").Count() + e.Events.OfInstruction("out").Count()} port accesses for 3 requests"]);
    });
});
