using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests;

public sealed class MachinePathTests
{
    [Test]
    public async Task A_text_with_a_path_of_this_computer_is_refused()
    {
        var verify = async () => await VerifyNUnit.Verifier.Verify("see " + Path.Combine(Path.GetTempPath(), "x"));
        await verify.Should().ThrowAsync<VerifyException>().WithMessage("*path of this computer*");
    }
}
