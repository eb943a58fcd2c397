using FluentAssertions;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Consolidation;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hostile;

/// <summary>
/// A kernel that lies to its balloon device, beside a neighbour on one host. All memory that is not the attacker's (the neighbour's pages, the monitors') is compared byte by byte
/// with what it was, and the neighbour then has to fare as alone.
/// </summary>
public sealed class HostileBalloonTests
{
    private const ushort Give = 0x588;
    private const ushort TakeBack = 0x58C;
    private const int Attacker = 0;
    private const int Neighbour = 1;
    private static readonly string[] Attempts =
    [
        "the neighbour's pages", "beyond RAM", "host frames", "twice", "page tables", "descriptor table", "own code", "everything", "devices", "never given", "parts of a number",
        "taken back twice", "given and used",
    ];

    [Test]
    public void No_attempt_changes_what_is_not_the_attackers([Values("interpret", "trap013", "trap033", "hybrid", "translate", "vtx")] string engine, [ValueSource(nameof(Attempts))] string attempt)
    {
        Escape(engine, attempt, Protection.None).Should().BeNull();
    }

    [TestCase("interpret")]
    [TestCase("vtx")]
    public void Without_the_check_of_page_numbers_an_attempt_succeeds(string engine)
    {
        Escape(engine, "the neighbour's pages", Protection.BalloonPages).Should().StartWith("the neighbour's page");
    }

    private static string? Escape(string engine, string attempt, Protection omitted)
    {
        HostOptions options = HostedGuests.Host(2, 600) with { SharesPages = false, SamplesPerPeriod = 0, Quantum = 20_000, Omitted = omitted };
        HostedMachine[] machines =
        [
            HostedGuests.On(Build(attempt), engine, balloon: true) with { MaximumPercent = 100 },
            HostedGuests.On(HostedGuests.Writer("neighbour", 3, 40), engine),
        ];
        using var host = new ConsolidatedHost(options, machines);

        // The attacker comes first, with a time slice long enough for all that it tries.
        byte[][] before = Pages(host);
        byte[] monitor = MonitorOf(host, Neighbour);
        host.Step(20_000);
        byte[][] after = Pages(host);
        for (int page = 0; page < before.Length; page++)
        {
            if (!before[page].AsSpan().SequenceEqual(after[page]))
            {
                return $"the neighbour's page {page:X}";
            }
        }

        if (!monitor.AsSpan().SequenceEqual(MonitorOf(host, Neighbour)))
        {
            return "the neighbour's monitor";
        }

        HostMemory memory = host.Memory;
        HostRun run = host.Run(10_000_000);
        if (memory.Free != memory.Managed)
        {
            return $"{memory.Managed - memory.Free} frames are lost";
        }

        // What the attacker itself needs, and has given away, it may see go in other ways.
        bool isWhole = attempt is not ("page tables" or "descriptor table" or "own code" or "everything") && omitted == Protection.None;
        return FirstDivergence(run.Machines[Neighbour]) ?? (isWhole ? FirstDivergence(run.Machines[Attacker]) : null);
    }

    private static string? FirstDivergence(HostedRun machine) =>
        Equivalence.Compare(GuestRunner.Run(machine.Reference(EngineRegistry.Find("bare")!)), machine.Run).FirstDivergence?.ToString();

    private static byte[][] Pages(ConsolidatedHost host)
    {
        MachineMemory memory = host.Memory.Machines[Neighbour];
        return [.. Enumerable.Range(0, memory.Pages).Select(page => memory.Peek(page).ToArray())];
    }

    private static byte[] MonitorOf(ConsolidatedHost host, int machine) =>
        host.Memory.Ram.Read(machine * GuestMachine.MonitorBytes, (int)GuestMachine.MonitorBytes).ToArray();

    private static GuestImage Build(string attempt) => Guest.Kernel(new GuestOptions { Name = "attacker" }, k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.User(a => a.Done());
        k.Boot(a =>
        {
            switch (attempt)
            {
                case "the neighbour's pages":
                    Range(a, Give, 0x100, 0x200);
                    break;
                case "beyond RAM":
                    foreach (uint page in (uint[])[0x200, 0x1000, 0xFFFFF, 0x100000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
                    {
                        Range(a, Give, page, page == uint.MaxValue ? 0 : page + 1);
                        Range(a, TakeBack, page, page == uint.MaxValue ? 0 : page + 1);
                    }

                    break;
                case "host frames":
                    Range(a, Give, 0x800, 0x1400);
                    break;
                case "twice":
                    Range(a, Give, 0x80, 0x90);
                    Range(a, Give, 0x80, 0x90);
                    break;
                case "page tables":
                    Range(a, Give, GuestLayout.ProcessTables >> 12, (GuestLayout.ProcessTables >> 12) + 5);
                    a.mov(__dword_ptr[0x5000], 1);
                    break;
                case "descriptor table":
                    Range(a, Give, 1, 2);
                    a.mov(eax, ds);
                    a.mov(ds, eax);
                    break;
                case "own code":
                    Range(a, Give, GuestLayout.Code >> 12, (GuestLayout.Code >> 12) + 1);
                    break;
                case "everything":
                    Range(a, Give, 0, 0x100);
                    break;
                case "devices":
                    Range(a, Give, 0xA0, 0xC0);
                    break;
                case "never given":
                    Range(a, TakeBack, 0, 0x300);
                    break;
                case "parts of a number":
                    a.mov(dx, Give);
                    a.mov(eax, 0x180);
                    a.@out(dx, al);
                    a.@out(dx, ax);
                    a.mov(dx, Give + 1);
                    a.@out(dx, eax);
                    break;
                case "taken back twice":
                    Range(a, Give, 0x80, 0x90);
                    Range(a, TakeBack, 0x80, 0x90);
                    Range(a, TakeBack, 0x80, 0x90);
                    break;
                default:
                    Range(a, Give, 0x80, 0x90);
                    a.mov(__dword_ptr[0x80000], 0x1234);
                    Range(a, TakeBack, 0x80, 0x90);
                    a.mov(__dword_ptr[0x81000], 0x1234);
                    Range(a, Give, 0x80, 0x90);
                    break;
            }
        });
    });

    /// <summary>Writes each number from <paramref name="from"/> to below <paramref name="to"/> to a port; 0: one number.</summary>
    private static void Range(GuestAssembler a, ushort port, uint from, uint to)
    {
        a.mov(dx, port);
        a.mov(eax, from);
        GuestLabel next = a.Here("next");
        a.@out(dx, eax);
        a.inc(eax);
        a.cmp(eax, to);
        a.jne(next);

        // What became of the last one.
        a.mov(dx, Give);
        a.@in(eax, dx);
        a.add(ebx, eax);
    }
}
