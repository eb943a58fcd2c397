#load "../prelude.csx"

const int Requests = 8;
byte[] disk = [.. Enumerable.Range(0, 16 * 512).Select(i => (byte)(i / 512 * 16 + i % 16))];

// A kernel that reads sector 3 again and again to 80000h, and computes meanwhile where the device lets it; OUT to port 80h delimits the requests that are counted.
GuestImage Reader(bool ring, bool byPorts) => Guest.Kernel(k =>
{
    if (ring) { k.UseRing(RingWait.Interrupt); k.RingByPorts = byPorts; }
    k.Boot(a =>
    {
        var begin = a.CreateLabel("begin");
        a.jmp(begin);
        var readSector = a.EmitReadSector();
        a.Label(begin);
        foreach (var (mark, requests) in new[] { ("warm", 3), ("count", Requests), ("end", 0) })
        {
            a.Mark(mark); a.@out(0x80, al);
            for (int i = 0; i < requests; i++) { a.mov(ebx, 3); a.mov(edx, 1); a.mov(ecx, 0x80000); a.mov(edi, ecx); a.mov(eax, ebx); if (ring) { k.ReadRing(a); } else { a.call(readSector); } }
        }
    });
});

// How often the monitor comes to the processor for a request; never where the kernel is interpreted.
double Events(GuestRun e) => e.Events.At("end").FirstOrDefault() is { Tick: > 0 } end && e.Events.At("count").First() is var first
    ? e.Events.Between(first.Tick + 1, end.Tick - 1).Count(x => x.Kind is not (EngineEventKind.Injection or EngineEventKind.Translation or EngineEventKind.InCache)) / (double)Requests : 0;

Scenario("Events for a request to a disk: programmed I/O, a ring in shared memory, and a ring whose device is the guest's own", covers: "D2", s =>
{
    var devices = new GuestDevices { Disks = [() => DiskImage.FromBytes(disk)], RingDisk = () => DiskImage.FromBytes(disk) };
    RunSet Run(string way, bool ring, bool own)
    {
        var run = s.Run(Reader(ring, own), settings: new RunSettings { Devices = devices, EngineOptions = new Dictionary<string, string> { ["ring"] = own ? "dedicated" : "emulated" } });
        run.Bare.Memory(0x80000, 512).Should().Equal(disk[1536..2048]);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        s.Fact($"events per request, {way}", [string.Join(", ", run.All.Select(e => $"{e.Engine} {Events(e)}"))]);
        return run;
    }
    var (pio, ring, dedicated) = (Run("programmed I/O", false, false), Run("ring", true, false), Run("ring of a dedicated device", true, true));
    pio.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted, e => Events(e).Should().BeGreaterThan(256, "each word is one").And.BeGreaterThan(20 * Events(ring[e.Engine])));
    dedicated.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted, e =>
        Events(e).Should().BeLessThanOrEqualTo(Events(ring[e.Engine]) - 3, "doorbell, acknowledgement and the device's look at the ring are the guest's own affair"));
    ring.Each(Monitor.Paravirtual, e => Events(e).Should().BeLessThan(6, "a hypercall, events without an interrupt controller, and the return"));
});
