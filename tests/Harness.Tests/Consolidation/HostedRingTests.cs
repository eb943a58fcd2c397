using FluentAssertions;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Consolidation;

/// <summary>Devices that reach memory by themselves where the host shares, swaps and moves what is behind it.</summary>
public sealed class HostedRingTests
{
    private const int Sectors = 8;
    private const int Pages = 60;
    private static readonly byte[] Disk = [.. Enumerable.Range(0, Sectors * DiskImage.SectorSize).Select(i => (byte)i)];

    [Test]
    public void A_device_writes_to_pages_that_are_shared_or_away([ValueSource(typeof(HostedGuests), nameof(HostedGuests.Engines))] string engine, [Values("emulated", "dedicated")] string ring)
    {
        HostedMachine[] machines = [.. new[] { "one", "two" }.Select(name => On(Reader(name), engine, ring))];

        HostRun run = HostedGuests.Run(HostedGuests.Host(2, 48), machines);

        HostedGuests.Differences(run).Should().BeEmpty();
        run.Machines.Sum(m => m.Use.SwappedOut).Should().BePositive("else nothing was away");
        run.Machines.Sum(m => m.Use.Broken).Should().BePositive("else nothing was shared");
    }

    private static HostedMachine On(GuestImage guest, string engine, string ring)
    {
        HostedMachine machine = HostedGuests.On(guest, engine);
        return machine with
        {
            Request = machine.Request with
            {
                Devices = machine.Request.Devices with { RingDisk = () => DiskImage.FromBytes(Disk) },
                Options = new Dictionary<string, string> { ["ring"] = ring },
            },
        };
    }

    /// <summary>The same sectors come to each of many pages, twice, with a step of the kernel in each.</summary>
    private static GuestImage Reader(string name) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.UseRing(RingWait.Interrupt);
        k.Boot(a =>
        {
            a.mov(ebp, 4);
            GuestLabel round = a.Here("round");
            a.mov(ecx, HostedGuests.Data);
            a.mov(edi, Pages);
            GuestLabel next = a.Here("next");
            a.xor(ebx, ebx);
            a.mov(edx, Sectors);
            k.ReadRing(a);
            a.add(esi, __dword_ptr[ecx + 4]);
            a.xor(__dword_ptr[ecx + 0x1000 - 4], edi);
            a.add(ecx, 0x1000);
            a.dec(edi);
            a.jne(next);
            a.dec(ebp);
            a.jne(round);
        });
    });
}
