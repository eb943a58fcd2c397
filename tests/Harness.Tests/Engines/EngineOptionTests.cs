using FluentAssertions;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Engines;

/// <summary>The options that an engine names are those that it reads.</summary>
public sealed class EngineOptionTests
{
    private static IEnumerable<TestCaseData> Options() =>
        EngineRegistry.All.SelectMany(engine => engine.Options.Select(option => new TestCaseData(engine.Name, option)));

    [TestCaseSource(nameof(Options))]
    public void A_value_that_an_option_does_not_have_is_refused(string engine, string option)
    {
        RunRequest request = Requests.For(EngineRegistry.Find(engine)!, Guest.Kernel(k => k.User(a => a.nop()))) with
        {
            Options = new Dictionary<string, string> { [option] = "nonsense" },
        };

        FluentActions.Invoking(() => GuestRunner.Run(request)).Should().Throw<ArgumentException>().WithMessage($"The option {option} of {engine} is *not 'nonsense'*");
    }
}
