using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Hybrid;
using Harness.Engines.Translate;
using Harness.Engines.Trap;
using Harness.Engines.Vtx;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using static Iced.Intel.AssemblerRegisters;
using Vector = Harness.Isa.Vector;

namespace Harness.Tests.Engines;

/// <summary>A guest with large pages, and its runs under a monitor and on the bare machine.</summary>
internal static class LargePageGuest
{
    /// <summary>Two pages of 4 MiB, or four of 2 MiB, mapped where they lie.</summary>
    public const uint Large = 0x400000;
    public const uint LargeBytes = 0x800000;
    public const uint Tables = 0x30000;
    public const uint Result = 0xE000;
    public const int ReloadCr3 = 1;
    public const int Invalidate = 2;
    public const int ReadEntry = 3;
    public const int ClearBits = 4;
    public const int CallKernelCode = 5;
    public const int LoadCr3 = 6;

    /// <summary>Where the kernel has a routine in a large page.</summary>
    public const uint Routine = Large + 0x7000;

    public static readonly string[] Engines = ["trap013", "trap033", "hybrid", "translate", "vtx"];

    public static IEngine Engine(string name) => name switch
    {
        "hybrid" => new HybridEngine(),
        "translate" => new TranslateEngine(),
        "vtx" => new VtxEngine(),
        _ => name == "trap013" ? TrapEngine.Trap013 : TrapEngine.Trap033,
    };

    /// <summary>A program in ring 3, which may reach all memory, over a kernel that does the privileged part for it, with ESI the address.</summary>
    public static GuestImage Image(GuestPaging paging, Action<GuestAssembler, PageTables> user) => Guest.Kernel(
        new GuestOptions { MemoryBytes = 12 << 20 },
        k =>
        {
            var tables = new PageTables(paging, Tables);
            tables.Map(0, 0, 0x100000, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
            tables.MapLarge(Large, Large, LargeBytes, Harness.Scenarios.PageRights.Write | Harness.Scenarios.PageRights.User);
            uint entry = tables.DirectoryEntryAddress(Large);
            k.SystemCall(ReloadCr3, a =>
            {
                a.mov(eax, cr3);
                a.mov(cr3, eax);
            });
            k.SystemCall(LoadCr3, a => a.mov(cr3, esi));
            k.SystemCall(Invalidate, a => a.invlpg(__[esi]));
            k.SystemCall(ReadEntry, a => a.mov(eax, __[entry]));
            k.SystemCall(ClearBits, a =>
            {
                a.and(__dword_ptr[entry], ~(uint)(PageEntry.A | PageEntry.D));
                a.invlpg(__[Large]);
            });
            k.SystemCall(CallKernelCode, a =>
            {
                a.mov(eax, Routine);
                a.call(eax);
            });
            k.OnFault(Vector.PF, a =>
            {
                a.add(esp, 4);
                a.mov(__dword_ptr[Result + 0x100], 1);
                a.Done();
            });
            k.Boot(a =>
            {
                a.mov(eax, cr4);
                a.or(eax, paging == GuestPaging.Pae ? Cr4.PAE : Cr4.PSE);
                a.mov(cr4, eax);
                a.mov(eax, tables.Directory);
                a.mov(cr3, eax);
                a.mov(eax, cr0);
                a.or(eax, Cr0.PG);
                a.mov(cr0, eax);
            });
            k.User(a =>
            {
                user(a, tables);
                a.Done();
                tables.Emit(a);
            });
        });

    public static void Call(GuestAssembler a, int number)
    {
        a.mov(eax, number);
        a.@int(GuestKernel.SystemCallVector);
    }

    public static (EngineRun Bare, EngineRun Run) Run(
        string engine, GuestImage image, string large = "on", string paging = "cached", string model = "yonah", params (string Name, string Value)[] options)
    {
        var request = new RunRequest
        {
            Engine = new BareEngine(),
            Model = ModelRegistry.Load(model),
            Guest = image,
            Costs = CostProfile.Load("pentium4-2005"),
            KeepEvents = true,
        };
        var all = new SortedDictionary<string, string> { ["largePages"] = large, ["paging"] = paging };
        foreach ((string name, string value) in options)
        {
            all[name] = value;
        }

        return (GuestRunner.Run(request), GuestRunner.Run(request with { Engine = Engine(engine), Options = all }));
    }

    public static void ShouldMatch(EngineRun run, EngineRun bare)
    {
        run.End.Should().Be(GuestEnd.Done, run.StopReason);
        Equivalence.Compare(bare, run).Should().Be(new EquivalenceVerdict(true, null, null, false));
        run.ResourceControl.Should().Be(new ResourceControl(true, ""));
        run.Digest.Should().Be(bare.Digest);
    }

    public static int Count(EngineRun run, EngineEventKind kind, string reason, string instruction) =>
        run.Ledger.All.Count(e => e.Kind == kind && e.Reason == reason && e.Instruction == instruction);

    public static int Fills(EngineRun run, string instruction) => Count(run, EngineEventKind.HiddenFault, "shadow-miss", instruction);

    public static uint Doubleword(EngineRun run, uint address)
    {
        var value = new byte[4];
        run.Memory.Read(new GuestPhysicalAddress(address), value);
        return BitConverter.ToUInt32(value);
    }
}
