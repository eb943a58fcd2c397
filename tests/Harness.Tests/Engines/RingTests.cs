using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Harness.Machine.Devices.BlockRingInterface;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>A block device with a ring under engines, its own or the monitor's.</summary>
internal sealed class RingTests
{
    private const int Sectors = 32;
    private static readonly byte[] Disk = [.. Enumerable.Range(0, Sectors * DiskImage.SectorSize).Select(i => (byte)(i / DiskImage.SectorSize + i % 7))];

    private static IEnumerable<string> Engines => EngineRegistry.All.Select(e => e.Name).Where(n => n != "bare");

    /// <summary>A program writes what it has read elsewhere and reads it again, under every way of waiting.</summary>
    [Test]
    public void Programs_read_what_they_have_written(
        [ValueSource(nameof(Engines))] string engine, [Values] RingWait wait, [Values("emulated", "dedicated")] string ring, [Values] bool byPorts)
    {
        bool batches = wait == RingWait.Halt;
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.UseRing(wait);
            k.RingBatches = batches;
            k.RingByPorts = byPorts;
            k.DirectSystemCalls = batches;
            k.User(a =>
            {
                a.mov(ebx, 3);
                a.mov(ecx, GuestLayout.ProcessBase + 0x4000);
                a.mov(edx, 5);
                k.ReadRing(a);
                a.mov(edi, eax);
                a.mov(ebx, 20);
                k.WriteRing(a);
                a.or(edi, eax);
                a.mov(ebx, 21);
                a.mov(ecx, GuestLayout.ProcessBase + 0x8000);
                a.mov(edx, 2);
                k.ReadRing(a);
                a.or(edi, eax);
                a.mov(ebx, Sectors - 1);
                a.mov(ecx, GuestLayout.ProcessBase + 0xA000);
                k.ReadRing(a);
                a.mov(esi, eax);
                a.Done();
            });
        });

        EngineRun bare = Run("bare", guest, ring);
        EngineRun run = Run(engine, guest, ring);

        run.End.Should().Be(GuestEnd.Done);
        (run.Final.Edi, run.Final.Esi).Should().Be((0u, uint.MaxValue), "the last request goes beyond the disk");
        var data = new byte[2 * DiskImage.SectorSize];
        run.Memory.Read(new(GuestLayout.Processes + 0x8000), data);
        data.Should().Equal(Disk[(4 * DiskImage.SectorSize)..(6 * DiskImage.SectorSize)]);
        Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
        run.ResourceControl!.Holds.Should().BeTrue(run.ResourceControl.Detail);
    }

    [TestCase("trap013")]
    [TestCase("trap033")]
    [TestCase("translate")]
    [TestCase("vtx")]
    public void A_dedicated_device_is_driven_without_the_monitor(string engine)
    {
        EngineRun run = Run(engine, Reader(RingWait.Poll, 4), "dedicated");

        // The translator copies an instruction only once it has met the port.
        int before = engine == "translate" ? 2 : 0;
        run.Ledger.All.Count(e => e.Detail is "A00h" or "A04h" or "A08h").Should().Be(before);
        run.Ledger.All.Should().NotContain(e => e.Kind == EngineEventKind.Interrupt || e.Cause == "external interrupt", "nobody wants an interrupt");
        Run(engine, Reader(RingWait.Poll, 4), "emulated").Ledger.All.Should().Contain(e => e.Kind == EngineEventKind.Interrupt || e.Cause == "external interrupt");
    }

    [Test]
    public void Where_MOV_SS_blocks_interrupts_memory_changes_under_no_engine([Values("trap013", "hybrid", "translate", "vtx")] string engine, [Range(0, 7)] int padding)
    {
        GuestImage guest = Guest.Kernel(k =>
        {
            k.NotParavirtual("it loads SS");
            k.UseRing(RingWait.Poll);
            k.Boot(a =>
            {
                const uint ring = GuestLayout.Ring;
                a.mov(__dword_ptr[ring + Descriptors + 4], 1 << 8);
                a.mov(__dword_ptr[ring + Descriptors + 12], 0x80000);
                a.mov(__dword_ptr[ring + RequestProducer], 1);
                a.mov(edx, DoorbellPort);
                a.@out(dx, eax);
                for (int i = 0; i < padding; i++)
                {
                    a.nop();
                }

                a.mov(eax, Selectors.Data0);
                a.mov(esi, 400);
                GuestLabel again = a.Here("again");
                a.mov(ss, eax);
                a.mov(ecx, __dword_ptr[ring + ResponseProducer]);
                a.mov(edx, __dword_ptr[ring + ResponseProducer]);
                a.rol(edi, 1);
                a.lea(edi, __[edi + ecx * 2]);
                a.add(edi, edx);
                a.dec(esi);
                a.jne(again);
            });
        });

        Equivalence.Compare(Run("bare", guest, "emulated"), Run(engine, guest, "emulated")).FirstDivergence.Should().BeNull();
    }

    [TestCase("ring", "own", "'emulated' or 'dedicated'")]
    [TestCase("userReturn", "direct", "only where userReturn is 'trap'")]
    public void An_option_that_would_open_the_ports_to_users_is_refused(string option, string value, string complaint)
    {
        Action run = () => Run("trap013", Reader(RingWait.Poll, 1), "dedicated", (option, value));

        run.Should().Throw<ArgumentException>().WithMessage($"*{complaint}*");
    }

    [TestCase(DriverPlace.HostSystem)]
    [TestCase(DriverPlace.ServiceMachine)]
    public void A_driver_in_another_machine_gives_the_same_data_at_the_same_ticks(DriverPlace place)
    {
        GuestImage guest = Reader(RingWait.Interrupt, 3);
        EngineRun bare = Run("bare", guest, "emulated");
        GuestImage driver = Guest.Kernel(k =>
        {
            k.UseRing(RingWait.Halt);
            k.RingByPorts = true;
            k.ServeRing();
        });

        foreach (string engine in Engines)
        {
            EngineRun run = Run(engine, guest, "emulated", driver: Driver(engine, place, driver));

            run.Final.Edi.Should().Be(0);
            Equivalence.Compare(bare, run).FirstDivergence.Should().BeNull();
            run.Ledger.All.Count(e => e is { Cause: "world", Reason: "to-driver" }).Should().BeGreaterThanOrEqualTo(3);
        }
    }

    /// <summary>Kernels that drive another machine's disk wrongly: the requests fail, and nothing else.</summary>
    [TestCase("never answers")]
    [TestCase("ends")]
    [TestCase("does not start")]
    [TestCase("never halts")]
    [TestCase("other identifiers")]
    [TestCase("too many responses")]
    [TestCase("a ring that is no memory")]
    [TestCase("buffers that are no memory")]
    public void A_driver_that_misbehaves_fails_requests(string how)
    {
        GuestImage driver = Guest.Kernel(k =>
        {
            k.OnIrq(BlockServiceInterface.Line, a => Misbehave(a, how));
            k.Boot(a =>
            {
                if (how == "does not start")
                {
                    a.Done();
                }

                Out(a, BlockServiceInterface.RingPort, how == "a ring that is no memory" ? 0xA0000 : GuestLayout.ServiceRing);
                Out(a, BlockServiceInterface.BuffersPort, how == "buffers that are no memory" ? 0xFFF00000 : GuestLayout.Processes);
                GuestLabel wait = a.Here("wait");
                a.sti();
                a.hlt();
                a.jmp(wait);
            });
        });

        foreach (string engine in (string[])["interpret", "trap013", "vtx"])
        {
            EngineRun run = Run(engine, Reader(RingWait.Interrupt, 2), "emulated", driver: Driver(engine, DriverPlace.ServiceMachine, driver));

            run.End.Should().Be(GuestEnd.Done);
            run.Final.Edi.Should().Be(uint.MaxValue, "a request that nobody answers has failed");
        }
    }

    private static void Misbehave(GuestAssembler a, string how)
    {
        const uint ring = GuestLayout.ServiceRing;
        a.mov(edx, BlockServiceInterface.EventPort);
        a.@in(eax, dx);
        switch (how)
        {
            case "ends":
                a.Done();
                break;
            case "never halts":
                a.jmp(a.Here("spin"));
                break;
            case "other identifiers":
                a.mov(eax, __dword_ptr[ring + RequestProducer]);
                a.mov(__dword_ptr[ring + ResponseProducer], eax);
                for (uint i = 0; i < Entries; i++)
                {
                    a.mov(__dword_ptr[ring + Descriptors + i * DescriptorBytes], 77);
                    a.mov(__dword_ptr[ring + Descriptors + i * DescriptorBytes + 4], 0);
                }

                break;
            case "too many responses":
                a.mov(eax, __dword_ptr[ring + RequestProducer]);
                a.inc(eax);
                a.mov(__dword_ptr[ring + ResponseProducer], eax);
                break;
            default:
                break;
        }
    }

    private static void Out(GuestAssembler a, ushort port, uint value)
    {
        a.mov(edx, port);
        a.mov(eax, value);
        a.@out(dx, eax);
    }

    /// <summary>A kernel that reads so many sectors one after the other; EDI: 0, or -1.</summary>
    private static GuestImage Reader(RingWait wait, int requests) => Guest.Kernel(k =>
    {
        k.UseRing(wait);
        k.RingByPorts = true;
        k.Boot(a =>
        {
            a.xor(edi, edi);
            a.mov(ebp, requests);
            a.mov(edx, 1);
            GuestLabel next = a.Here("next");
            a.mov(ebx, ebp);
            a.mov(ecx, 0x80000);
            k.ReadRing(a);
            a.or(edi, eax);
            a.dec(ebp);
            a.jne(next);
        });
    });

    private static DriverRequest Driver(string engine, DriverPlace place, GuestImage driver) => new(
        place,
        place == DriverPlace.HostSystem ? new BareEngine() : EngineRegistry.Find(engine)!,
        driver,
        new GuestDevices { RingDisk = () => DiskImage.FromBytes(Disk) },
        new Dictionary<string, string> { ["ring"] = "dedicated" });

    private static EngineRun Run(string engine, GuestImage guest, string ring, (string Name, string Value)? option = null, DriverRequest? driver = null)
    {
        var options = new Dictionary<string, string> { ["ring"] = ring };
        if (option is { } more)
        {
            options[more.Name] = more.Value;
        }

        return GuestRunner.Run(Requests.For(EngineRegistry.Find(engine)!, guest) with
        {
            Model = ModelRegistry.Load("yonah"),
            Options = options,
            Driver = driver,
            Devices = new GuestDevices { RingDisk = () => DiskImage.FromBytes(Disk) },
        });
    }
}
