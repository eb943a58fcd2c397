using FluentAssertions;
using Harness.Fuzz;
using Harness.Scenarios;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Consolidation;

/// <summary>Generated programs in pairs on a host that has too little memory for both, where pages are shared, swapped and sampled all the time.</summary>
public sealed class GeneratedProgramsTests
{
    private const int Programs = 6;

    [TestCaseSource(typeof(HostedGuests), nameof(HostedGuests.Engines))]
    public void A_program_without_a_harmful_execution_fares_as_alone(string engine)
    {
        var generator = new ProgramGenerator(seed: 11);
        List<string> findings = [];
        long swapped = 0;
        long merged = 0;
        int judged = 0;
        for (int number = 0; number < Programs; number += 2)
        {
            HostedMachine[] machines = [.. new[] { number, number + 1 }.Select(n => Hosted(generator.Make(n), engine, cached: number % 4 == 0))];
            HostRun run = HostedGuests.Run(
                HostedGuests.Host(2, 24) with { Period = 700, Quantum = 150, PagesPerSwap = 2, SamplesPerPeriod = 20, Seed = (ulong)number }, machines);
            swapped += run.Machines.Sum(m => m.Use.SwappedIn);
            merged += run.Machines.Sum(m => m.Use.Merged);
            foreach (HostedRun machine in run.Machines.Where(m => m.Run.FirstHarm is null && m.Run.End != GuestEnd.Unsupported))
            {
                judged++;
                EngineRun bare = GuestRunner.Run(machine.Reference(EngineRegistry.Find("bare")!));
                if (Equivalence.Compare(bare, machine.Run).FirstDivergence is { } divergence)
                {
                    findings.Add($"{machine.Machine.Name} of {number}: {divergence}");
                }
            }
        }

        TestContext.Out.WriteLine($"{engine}: {judged} judged, {swapped} swapped in, {merged} merged");
        findings.Should().BeEmpty();
        judged.Should().BeGreaterThan(Programs / 3);
        (swapped > 0, merged > 0).Should().Be((true, true));
    }

    private static HostedMachine Hosted(GeneratedProgram program, string engine, bool cached) => new()
    {
        Name = $"program {program.Number}",
        Request = HostedGuests.Request(program.Image, engine, paging: cached && engine != "interpret" ? "cached" : "") with
        {
            MaxInstructions = 60_000,
            Devices = new GuestDevices
            {
                ExitPort = GuestAssembler.ExitPort,
                Injections = program.Injections,
                RingDisk = program.Ring == RingUse.None ? null : ProgramGenerator.RingDisk,
            },
        },
    };
}
