#load "../prelude.csx"

const int Requests = 8;
byte[] disk = [.. Enumerable.Range(0, 16 * 512).Select(i => (byte)(i / 512 * 16 + i % 16))];

// One call makes eight requests, which the kernel is told of as it likes.
GuestImage Reader(RingWait wait, bool batches) => Guest.Kernel(k =>
{
    k.UseRing(wait); k.RingBatches = batches;
    k.Boot(a => { a.mov(ebx, 4); a.mov(ecx, 0x80000); a.mov(edx, Requests); a.Mark("read"); k.ReadRing(a); a.mov(edi, eax); });
});

Scenario("One doorbell announces eight requests; the driver says after which response it wants an interrupt, or that it wants none", covers: "D2", s =>
{
    foreach (var (wait, batches, interrupts) in new[] { (RingWait.Interrupt, false, Requests), (RingWait.Interrupt, true, 1), (RingWait.Halt, true, 1), (RingWait.Poll, false, 0) })
    {
        var run = s.Run(Reader(wait, batches), settings: new RunSettings { Devices = new GuestDevices { RingDisk = () => DiskImage.FromBytes(disk) } });
        run.Bare.Edi.Should().Be(0);
        run.Bare.Memory(0x80000, Requests * 512).Should().Equal(disk[2048..(2048 + Requests * 512)]);
        run.Bare.Level(0).OfCause("vector 43").Should().HaveCount(interrupts);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Any, e => e.Events.Injections.OfCause("vector 43").Count(x => x.Reason != "repeated").Should().Be(interrupts, "what the driver does not want nobody sends"));
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted, e => e.Events.OfInstruction("out").Count(x => x.Detail == "A04h").Should().Be(1, "while the device works, it looks for itself"));
        run.Each(Monitor.Paravirtual, e => e.Should().HaveEvents(1, EngineEventKind.Hypercall, "notify-ring"));
    }
});
