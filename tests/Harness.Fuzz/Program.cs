using System.Diagnostics;
using System.Globalization;
using Harness;
using Harness.Fuzz;
using Harness.Isa;
using Harness.Machine;
using Harness.Vmm;

// Exit codes: 0 no finding; 1 findings, or an input that does not end; 2 wrong arguments.
const string Usage = """
    usage: harness-fuzz [--engine ENGINE] [--cpu MODEL] [--seed S] [--instructions N]   runs inputs until N instructions were started
           harness-fuzz [--engine ENGINE] [--cpu MODEL] [--seed S] --only INPUT         runs one input and prints its instructions
           harness-fuzz --programs N [--seed S] [--from NUMBER]                         runs N generated programs under every engine
    """;
const int MostFindings = 10;
const long LeastOfVector = 100;
const long LeastForTable = 1_000_000;
const long AllowedGrowth = 64L << 20;
var patience = TimeSpan.FromSeconds(20);

string cpu = "yonah";
string engine = "bare";
long instructions = 1_000_000;
long seed = 1;
long only = -1;
long programs = 0;
long from = 0;
for (int i = 0; i < args.Length; i += 2)
{
    bool valid = i + 1 < args.Length && args[i] switch
    {
        "--cpu" => ProcessorModel.Names.Contains(cpu = args[i + 1]),
        "--engine" => EngineRegistry.Find(engine = args[i + 1]) is not null,
        "--instructions" => TryNumber(args[i + 1], out instructions),
        "--seed" => TryNumber(args[i + 1], out seed),
        "--only" => TryNumber(args[i + 1], out only),
        "--programs" => TryNumber(args[i + 1], out programs),
        "--from" => TryNumber(args[i + 1], out from),
        _ => false,
    };
    if (!valid)
    {
        Console.Error.WriteLine($"unexpected '{string.Join(' ', args[i..Math.Min(i + 2, args.Length)])}'; models: {string.Join(", ", ProcessorModel.Names)}; "
            + $"engines: {string.Join(", ", EngineRegistry.All.Select(e => e.Name))}");
        Console.Error.WriteLine(Usage);
        return 2;
    }
}

if (programs > 0)
{
    return ProgramCampaignRunner.Run((ulong)seed, from, programs, Console.Out);
}

IEngine chosen = EngineRegistry.Find(engine)!;
using IFuzzer fuzzer = chosen == EngineRegistry.Bare
    ? new Fuzzer(ProcessorModel.Load(cpu), (ulong)seed)
    : new EngineFuzzer(chosen, ModelRegistry.Load(cpu), (ulong)seed);
if (only >= 0)
{
    fuzzer.Print(only, Console.Out);
    Finding? finding = fuzzer.Run(only);
    Console.WriteLine(finding is { } f ? f.What : "no finding");
    return finding is null ? 0 : 1;
}

var clock = Stopwatch.StartNew();
long number = 0;
long watched = -1;
using var watchdog = new Timer(_ => Watch(), null, patience, patience);

var findings = new List<Finding>();
long memoryBefore = 0;
while (fuzzer.Instructions < instructions && findings.Count < MostFindings)
{
    if (fuzzer.Run(Interlocked.Read(ref number)) is { } finding)
    {
        findings.Add(finding);
        Console.WriteLine($"input {finding.Input}: {finding.What}");
        Console.WriteLine($"  reproduce: --engine {engine} --cpu {cpu} --seed {seed} --only {finding.Input}");
    }

    Interlocked.Increment(ref number);
    if (memoryBefore == 0 && fuzzer.Instructions > instructions / 4)
    {
        memoryBefore = GC.GetTotalMemory(forceFullCollection: true);
    }
}

long growth = GC.GetTotalMemory(forceFullCollection: true) - memoryBefore;
return Report();

int Report()
{
    double seconds = clock.Elapsed.TotalSeconds;
    Console.WriteLine($"engine {engine}, model {cpu}, seed {seed}: {fuzzer.Instructions} instructions in {fuzzer.Inputs} inputs");
    Console.WriteLine(Text($"instructions that retired  {100.0 * fuzzer.Retired / Math.Max(1, fuzzer.Instructions):F1} %"));
    Console.WriteLine(Text($"inputs that retired one    {100.0 * fuzzer.InputsRetired / Math.Max(1, fuzzer.Inputs):F1} %"));
    foreach ((string what, long count) in fuzzer.Notes)
    {
        Console.WriteLine(Text($"{count,10} inputs {what}"));
    }

    bool traps = fuzzer.Traps.Count > 0;
    Console.WriteLine(traps ? "vector     delivered    trapped" : "vector        raised");
    bool rare = false;
    foreach (Vector vector in Enum.GetValues<Vector>())
    {
        long delivered = fuzzer.Vectors[(int)vector];
        long trapped = traps ? fuzzer.Traps[(int)vector] : 0;
        long count = delivered + trapped;
        bool expected = vector is <= Vector.PF and not Vector.NMI && fuzzer.Sees(vector);
        rare |= expected && count < LeastOfVector;
        if (count > 0 || expected)
        {
            Console.WriteLine($"{(int)vector,3} {"#" + vector,-5} {delivered,10}{(traps ? $" {trapped,10}" : "")}");
        }
    }

    Console.WriteLine(Text($"{seconds:F1} s, {fuzzer.Instructions / seconds / 1e3:F0} thousand instructions/s, managed memory {growth / 1024.0:F0} KiB more than after a quarter"));
    bool table = instructions < LeastForTable || (!rare && fuzzer.InputsRetired >= 0.6 * fuzzer.Inputs);
    bool steady = growth <= AllowedGrowth;
    Console.WriteLine(findings.Count > 0 ? $"{findings.Count} findings" : !table ? "too few inputs of a kind" : steady ? "no finding" : "memory grows");
    return findings.Count == 0 && table && steady ? 0 : 1;
}

void Watch()
{
    long current = Interlocked.Read(ref number);
    if (current == watched)
    {
        Console.WriteLine($"input {current} does not end; reproduce: --engine {engine} --cpu {cpu} --seed {seed} --only {current}");
        Environment.Exit(1);
    }

    watched = current;
}

static bool TryNumber(string text, out long value) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

static string Text(FormattableString text) => FormattableString.Invariant(text);
