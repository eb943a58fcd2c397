using Harness.Records;

namespace Harness.Tests.Records;

/// <summary>Records as a small scenario would leave them.</summary>
internal static class MockRecords
{
    public static readonly RunRecord Trap = new()
    {
        Scenario = "sensitive/popf_depth=2",
        Title = "POPF loses IF",
        Covers = ["B5"],
        File = "scenarios/sensitive/popf.csx",
        Line = 4,
        Parameters = [new("depth", "2")],
        Engine = "trap013",
        Run = 1,
        Cpu = "yonah",
        Cost = "pentium4-2005",
        Seed = 7,
        Guest = new("00ff", 12),
        Outcome = Outcome.Passed,
        Ticks = new(40, 3),
        Retired = new(37, 30, 0, 7),
        Events = [new() { Kind = "trap", Cause = "#GP", Reason = "privileged", Instruction = "cli", Cpl = 0, Level = 0, Count = 5, Cycles = 10000 }],
        Properties = new(
            new(false, new(9, "popf", "eflags.IF", "1", "0", "popfd"), null, false), new(true, null), new(true, "30 of 37 direct")),
        Cycles = new(37, 10000),
        Console = "ok\n",
        Digest = "abcd",
    };

    public static readonly RunRecord Bare = Trap with
    {
        Engine = "bare",
        Retired = new(37, 37, 0, 0),
        Events = [],
        Properties = null,
        Cycles = new(37, 0),
    };

    public static readonly RunRecord Vtx = Trap with
    {
        Engine = "vtx",
        Regimes = [new("v86", 20, 2), new("unpaged", 10, 5)],
        Events =
        [
            new() { Kind = "exit", Cause = "I/O instruction", Instruction = "out", Detail = "port 3F8h", Cpl = 0, Count = 3, Cycles = 6000 },
            new() { Kind = "exit", Cause = "I/O instruction", Instruction = "in", Detail = "port 60h", Cpl = 0, Count = 1, Cycles = 2000 },
            new() { Kind = "exit", Cause = "CPUID", Instruction = "cpuid", Cpl = 3, Count = 2, Cycles = 2000 },
        ],
        Properties = new(new(true, null, null, null), new(true, null), new(true, null)),
    };

    /// <summary>One of several machines of a host.</summary>
    public static readonly RunRecord Hosted = Vtx with
    {
        Machine = new()
        {
            Name = "web",
            Shares = 1000,
            MemoryShares = 500,
            Minimum = 10,
            Maximum = 256,
            Target = 90,
            ActivePercent = 31,
            WorldSwitches = 21,
            Slices = 61,
            Blocked = 2,
            Present = 80,
            Shared = 12,
            MostShared = 14,
            Ballooned = 3,
            MostBallooned = 9,
            Swapped = 4,
            SwappedOut = 40,
            SwappedIn = 36,
            Merged = 17,
            Broken = 5,
            ShadowSpaces = 2,
            ShadowFrames = 13,
            HostFrames = 200,
            HostStates = [2, 1, 1, 0],
        },
    };

    public static readonly RunRecord NotApplicable = new()
    {
        Scenario = Trap.Scenario,
        Title = Trap.Title,
        Engine = "svm",
        Run = 1,
        Cpu = "yonah",
        Outcome = Outcome.NotApplicable,
        Message = "yonah lacks AMD-V",
    };

    public static readonly RunRecord Verdict = new()
    {
        Scenario = Trap.Scenario,
        Title = Trap.Title,
        File = Trap.File,
        Line = Trap.Line,
        Outcome = Outcome.Passed,
        Snapshot = SnapshotVerdict.Equal,
        Checks = new(2, 0, 1),
    };

    public static readonly IReadOnlyList<RunRecord> All = [Bare, Trap, Vtx, NotApplicable, Verdict];
}
