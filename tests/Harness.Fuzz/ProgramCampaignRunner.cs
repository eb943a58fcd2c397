using System.Diagnostics;
using System.Globalization;

namespace Harness.Fuzz;

/// <summary>Runs a campaign of generated programs on all processors and prints what came of it.</summary>
internal static class ProgramCampaignRunner
{
    private const int MostFindings = 20;

    /// <summary>Of a hundred programs, so many at least have no harmful execution, and so many have one.</summary>
    private const int LeastHarmless = 40;
    private const int LeastHarmful = 30;
    private const long LeastForShares = 100;

    /// <summary>The exit code: 0 where there is no finding.</summary>
    public static int Run(ulong seed, long first, long programs, TextWriter output)
    {
        var clock = Stopwatch.StartNew();
        int workers = Environment.ProcessorCount;
        ProgramCampaign[] shares = [.. Enumerable.Range(0, workers).Select(_ => new ProgramCampaign(seed, EngineRegistry.All))];
        var findings = new SortedDictionary<long, IReadOnlyList<string>>();
        Parallel.For(0, workers, worker =>
        {
            for (long number = first + worker; number < first + programs; number += workers)
            {
                IReadOnlyList<string> found = shares[worker].Run(number);
                lock (findings)
                {
                    if (found.Count > 0)
                    {
                        findings.Add(number, found);
                    }

                    if (findings.Count >= MostFindings)
                    {
                        return;
                    }
                }
            }
        });
        foreach ((long number, IReadOnlyList<string> found) in findings)
        {
            foreach (string finding in found)
            {
                output.WriteLine($"program {number}: {finding}");
            }

            output.WriteLine($"  reproduce: --seed {seed} --programs 1 --from {number}");
        }

        Print(shares, output);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalSeconds:F1} s on {workers} processors, {findings.Count} programs with findings"));
        bool balanced = programs < LeastForShares
            || (shares.Sum(s => s.Harmless) * 100 >= programs * LeastHarmless && shares.Sum(s => s.Harmful) * 100 >= programs * LeastHarmful);
        output.WriteLine(findings.Count > 0 ? "findings" : balanced ? "no finding" : "too few programs of a kind");
        return findings.Count == 0 && balanced ? 0 : 1;
    }

    private static void Print(ProgramCampaign[] shares, TextWriter output)
    {
        output.WriteLine($"{shares.Sum(s => s.Programs)} programs, of which contain");
        foreach (IGrouping<string, (string What, long Count)> content in
            shares.SelectMany(s => s.Contents).GroupBy(c => c.What, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            output.WriteLine($"  {content.Sum(c => c.Count),6} {content.Key}");
        }

        output.WriteLine($"  {shares.Sum(s => s.Harmless),6} system calls, changes of page tables, interrupts and no harmful execution under any engine");
        output.WriteLine($"  {shares.Sum(s => s.Harmful),6} a harmful execution under some engine");
        output.WriteLine($"{"engine",-28} {"same",8} {"named",8} {"refused",8}");
        for (int i = 0; i < shares[0].Engines.Count; i++)
        {
            EngineTally[] tallies = [.. shares.Select(s => s.Tallies[i])];
            output.WriteLine($"{shares[0].Engines[i].Name,-28} {tallies.Sum(t => t.Same),8} {tallies.Sum(t => t.Named),8} {tallies.Sum(t => t.Refused),8}");
            IEnumerable<string> harms = tallies.SelectMany(t => t.Harms).GroupBy(h => h.Key, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(g => $"{g.Key} {g.Sum(h => h.Value)}");
            if (harms.Any())
            {
                output.WriteLine($"  {string.Join(", ", harms)}");
            }
        }
    }
}
