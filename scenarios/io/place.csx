#load "../prelude.csx"

const int Requests = 8;
byte[] disk = [.. Enumerable.Range(0, 16 * 512).Select(i => (byte)(i / 512 * 16 + i % 16))];
var devices = new GuestDevices { RingDisk = () => DiskImage.FromBytes(disk) };
var own = new Dictionary<string, string> { ["ring"] = "dedicated" };

// Reads and writes sectors one after the other; the same source whoever drives the disk. OUT to port 80h delimits the requests that are counted.
GuestImage Reader(bool byPorts) => Guest.Kernel(k =>
{
    k.UseRing(RingWait.Interrupt); k.RingByPorts = byPorts;
    k.Boot(a =>
    {
        foreach (var (mark, requests) in new[] { ("warm", 3), ("count", Requests), ("end", 0) })
        {
            a.Mark(mark); a.@out(0x80, al);
            for (int i = 0; i < requests; i++) { a.mov(ebx, 3 + i / 2); a.mov(edx, 1); a.mov(ecx, 0x80000); if (i % 2 == 0) { k.ReadRing(a); } else { k.WriteRing(a); } }
        }
    });
});

// The kernel of the machine that drives the disk: its device is its own.
var driver = Guest.Kernel(k => { k.UseRing(RingWait.Interrupt); k.RingByPorts = true; k.ServeRing(); });

double Between(GuestRun e, Func<EngineEvent, bool> which) => e.Events.At("end").FirstOrDefault() is { Tick: > 0 } end && e.Events.At("count").First() is var first
    ? e.Events.Between(first.Tick + 1, end.Tick - 1).Where(which).Sum(x => x.Count) / (double)Requests : 0;

Scenario("Where the driver of a disk lives: world switches and entries of the monitor for a request", covers: "D3", s =>
{
    double Worlds(GuestRun e) => Between(e, x => x.Cause == "world");
    double Entries(GuestRun e) => Between(e, x => x.Kind is not (EngineEventKind.Injection or EngineEventKind.Translation or EngineEventKind.InCache or EngineEventKind.Switch));
    foreach (var (name, place, switches) in new (string, DriverPlace?, int)[] { ("monitor", null, 0), ("host's system", DriverPlace.HostSystem, 6), ("service machine", DriverPlace.ServiceMachine, 2), ("dedicated device", null, 0) })
    {
        bool dedicated = name == "dedicated device";
        var service = place is { } where ? new RingDriver(where, driver, devices) { EngineOptions = own } : null;
        var run = s.Run(Reader(dedicated), settings: new RunSettings { Devices = devices, EngineOptions = dedicated ? own : new(), RingDriver = service });
        run.Bare.Memory(0x80000, 512).Should().Equal(disk[3072..3584]);
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        s.Fact($"driver in the {name}: world switches + entries of the monitor per request", [string.Join(", ", run.All.Select(e => $"{e.Engine} {Worlds(e)}+{Entries(e)}"))]);
        run.Each(Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted | Monitor.Paravirtual, e =>
            Worlds(e).Should().Be(switches, "there and back for a request, and in a host's system for each interrupt of the host too"));
    }
});
