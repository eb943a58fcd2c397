#load "../prelude.csx"

Scenario("A kernel with disk, keyboard and timer shows the same on its screen and sends the same on its serial line", covers: "B3", s =>
{
    const uint Buffer = GuestLayout.ProcessBase + 0x4000, Cursor = 0x9800, Ticks = 0x9804, Video = 0xB8000;
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.NotParavirtual("the kernel stores to memory of a device");
        k.Timer(1000, a =>
        {
            a.inc(__dword_ptr[Ticks]); a.mov(al, __byte_ptr[Ticks]); a.add(al, (byte)'0');
            a.mov(__byte_ptr[Video + 158], al);                   // the upper right corner
        });
        k.SystemCall(1, a =>                                      // shows the character in BL
        {
            a.mov(edx, __dword_ptr[Cursor]); a.inc(__dword_ptr[Cursor]);
            a.mov(__byte_ptr[edx * 2 + Video], bl);
        });
        k.User(a =>
        {
            a.mov(ebx, 1); a.mov(ecx, Buffer);
            k.ReadSector(a);
            a.mov(esi, Buffer);
            var next = a.Here("next");
            a.movzx(ebx, __byte_ptr[esi]);
            a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector);
            a.inc(esi); a.cmp(__byte_ptr[esi], 0); a.jne(next);
            k.ReadKey(a);
            k.Print(a, "a key\n");
            a.Done();
        });
    });

    byte[] disk = [.. new byte[512], .. "from the disk"u8, .. new byte[499]];
    var devices = new GuestDevices { Disks = [() => DiskImage.FromBytes(disk)], KeyboardInput = [new TimedInput(4_000_000, new byte[] { 0x1C })] };
    var run = s.Run(guest, settings: new RunSettings { Devices = devices });
    run.Bare.Screen.Should().Be("from the disk".PadRight(79) + "3");
    run.Bare.Console.Should().Be("a key\n");
    run.Each(Monitor.Any, e => (e.Screen, e.Console).Should().Be((run.Bare.Screen, run.Bare.Console)));
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
});
