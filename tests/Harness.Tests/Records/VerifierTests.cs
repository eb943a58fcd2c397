using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Records;

public sealed class VerifierTests
{
    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("verify").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_new_text_is_received_and_the_store_accepts_it()
    {
        await Fails("one\r\ntwo", "sample", "New:");
        File.ReadAllBytes(Path.Combine(_folder, "sample.received.txt")).Should().StartWith(new byte[] { 0xEF, 0xBB, 0xBF }).And.HaveCount(10);
        new SnapshotStore(_folder).Accept("sample").Status.Should().Be(SnapshotStatus.Equal);
        Directory.GetFiles(_folder).Select(Path.GetFileName).Should().Equal("sample.verified.txt");
    }

    [Test]
    public async Task An_equal_text_deletes_the_stale_received_one()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "same.verified.txt"), "\ufeffone\ntwo");
        await File.WriteAllTextAsync(Path.Combine(_folder, "same.received.txt"), "stale");
        await Verify("one\r\ntwo").UseDirectory(_folder).UseFileName("same");
        File.Exists(Path.Combine(_folder, "same.received.txt")).Should().BeFalse();
    }

    [Test]
    public async Task Another_text_is_not_equal()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "other.verified.txt"), "\ufeffone");
        await Fails("two", "other", "NotEqual:");
    }

    [Test]
    public async Task Empty_text_and_null_have_names()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "empty.verified.txt"), "\ufeffemptyString");
        await File.WriteAllTextAsync(Path.Combine(_folder, "null.verified.txt"), "\ufeffnull");
        await Verify("").UseDirectory(_folder).UseFileName("empty");
        await Verify(null as string).UseDirectory(_folder).UseFileName("null");
    }

    [TestCase(16u, "a/b:c", true)]
    public Task Parameters_name_the_file(uint number, string text, bool flag) => Verify($"{number} {text} {flag}");

    private async Task Fails(string text, string name, string message)
    {
        var verify = async () => await Verify(text).UseDirectory(_folder).UseFileName(name);
        (await verify.Should().ThrowAsync<Exception>()).Which.Message.Should().Contain(message);
    }
}
