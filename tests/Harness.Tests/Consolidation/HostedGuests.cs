using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Consolidation;

/// <summary>Guests and requests for hosts with several machines.</summary>
internal static class HostedGuests
{
    public const uint Data = 0x60000;

    public static readonly string[] Engines = ["interpret", "trap013", "trap033", "hybrid", "translate", "vtx"];

    /// <summary>A kernel with paging and a program that writes to each of so many pages, again and again, and prints.</summary>
    public static GuestImage Writer(string name, uint seed, int rounds, int pages = 16) => Guest.Kernel(new GuestOptions { Name = name }, k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.SystemCall(1, a =>
        {
            GuestLabel next = a.CreateLabel("next");
            a.mov(edi, Data);
            a.mov(ecx, pages);
            a.Label(next);
            a.add(__dword_ptr[edi], ebx);
            a.add(edi, 0x1000);
            a.dec(ecx);
            a.jne(next);
            a.mov(eax, __dword_ptr[Data]);
        });
        k.User(a =>
        {
            GuestLabel round = a.CreateLabel("round");
            a.mov(ebp, rounds);
            a.Label(round);
            a.mov(eax, 1);
            a.mov(ebx, seed);
            a.@int(GuestKernel.SystemCallVector);
            a.dec(ebp);
            a.jne(round);
            k.Print(a, name);
            a.Done();
        });
    });

    public static RunRequest Request(GuestImage guest, string engine, bool balloon = false, string paging = "") => new()
    {
        Engine = EngineRegistry.Find(engine)!,
        Model = ModelRegistry.Load("yonah"),
        Guest = guest,
        Costs = CostProfile.Load(CostProfile.Names[0]),
        Devices = new GuestDevices { ExitPort = GuestAssembler.ExitPort, Balloon = balloon },
        Options = paging.Length == 0 ? new Dictionary<string, string>() : new Dictionary<string, string> { ["paging"] = paging },
    };

    public static HostedMachine On(GuestImage guest, string engine, bool balloon = false, long minimum = 0, int shares = 1000, int memoryShares = 1000) => new()
    {
        Name = guest.Name,
        Request = Request(guest, engine, balloon),
        MinimumBytes = minimum,
        Shares = shares,
        MemoryShares = memoryShares,
    };

    /// <summary>A host with so many frames for its guests.</summary>
    public static HostOptions Host(int machines, int frames) => new() { MemoryBytes = machines * Admission.Overhead + (long)frames * Ram.PageSize };

    public static HostRun Run(HostOptions options, params HostedMachine[] machines)
    {
        using var host = new ConsolidatedHost(options, machines);
        return host.Run(10_000_000);
    }

    /// <summary>Nothing if each machine fared as alone on the bare machine; else what differed.</summary>
    public static string Differences(HostRun run) => string.Join("; ", run.Machines.Select(m =>
    {
        EquivalenceVerdict verdict = Equivalence.Compare(GuestRunner.Run(m.Reference(EngineRegistry.Find("bare")!)), m.Run);
        return verdict.Holds ? m.Run.End == GuestEnd.Done ? "" : $"{m.Machine.Name} ended by {m.Run.End}" : $"{m.Machine.Name}: {verdict.FirstDivergence}";
    }).Where(text => text.Length > 0));
}
