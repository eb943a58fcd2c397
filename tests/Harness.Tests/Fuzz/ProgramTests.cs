using FluentAssertions;
using Harness.Fuzz;
using NUnit.Framework;

namespace Harness.Tests.Fuzz;

public sealed class ProgramTests
{
    private const long Programs = 16;

    [Test]
    public void Generated_programs_differ_where_an_execution_is_harmful_and_nowhere_else()
    {
        var campaign = new ProgramCampaign(seed: 1, EngineRegistry.All);
        for (long number = 0; number < Programs; number++)
        {
            campaign.Run(number).Should().BeEmpty("reproduce with --seed 1 --programs 1 --from {0}", number);
        }

        campaign.Programs.Should().Be(Programs);
        campaign.Harmless.Should().BeGreaterThan(4);
        campaign.Harmful.Should().BeGreaterThan(4);
        for (int i = 0; i < campaign.Engines.Count; i++)
        {
            EngineTally tally = campaign.Tallies[i];
            bool goesWrong = campaign.Engines[i].Name is not ("interpret" or "vtx");
            (tally.Named > 0).Should().Be(goesWrong, "of {0}", campaign.Engines[i].Name);
            (tally.Same > 0).Should().Be(!campaign.Engines[i].ForDirectReturn, "of {0}", campaign.Engines[i].Name);
        }
    }

    [Test]
    public void A_number_always_makes_the_same_program()
    {
        GeneratedProgram once = new ProgramGenerator(seed: 3).Make(5);
        GeneratedProgram again = new ProgramGenerator(seed: 3).Make(5);

        again.Image.Digest.Should().Be(once.Image.Digest);
        again.Injections.Should().Equal(once.Injections);
        new ProgramGenerator(seed: 3).Make(6).Image.Digest.Should().NotBe(once.Image.Digest);
    }
}
