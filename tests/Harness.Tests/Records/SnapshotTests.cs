using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Records;

public sealed class SnapshotTests
{
    private const string Id = "sensitive/popf_depth=2";
    private static readonly SnapshotGuest _guest = new("guest 1", new("00ff", 12), ["popf:", "    popfd", "    hlt"]);
    private static readonly SnapshotContent _content =
        new(Id, "POPF loses IF", [_guest], [MockRecords.Bare, MockRecords.Trap, MockRecords.Vtx, MockRecords.NotApplicable]);

    private string _folder = "";
    private SnapshotStore _store = new("");

    [SetUp]
    public void CreateFolder()
    {
        _folder = Directory.CreateTempSubdirectory("snapshots").FullName;
        _store = new(_folder);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public Task The_canonical_text()
    {
        using var culture = new OddCulture();
        return Verify(SnapshotText.Render(_content));
    }

    [Test]
    public Task A_long_text_is_folded() => Verify(SnapshotText.Render(Long(0)));

    [Test]
    public void A_text_is_at_most_120_lines_whatever_it_shows()
    {
        for (var runs = 0; runs < 60; runs++)
        {
            var records = Enumerable.Range(1, runs).Select(run => MockRecords.Trap with { Run = run, Console = new string('\n', runs * 3) });
            SnapshotText.Render(Long(0) with { Records = [.. records] }).Split('\n').Should().HaveCountLessThanOrEqualTo(SnapshotText.MaximumLines);
        }
    }

    [Test]
    public void A_change_in_a_folded_line_or_section_changes_the_text()
    {
        SnapshotText.Render(Long(0)).Should().NotBe(SnapshotText.Render(Long(1)));
        var many = Enumerable.Range(1, 60).Select(run => MockRecords.Trap with { Run = run }).ToList();
        var changed = many.Select(record => record.Run == 60 ? record with { Digest = "ffff" } : record).ToList();
        SnapshotText.Render(_content with { Records = changed }).Should().NotBe(SnapshotText.Render(_content with { Records = many }));
    }

    [Test]
    public void Costs_messages_and_details_of_events_are_left_out()
    {
        var other = MockRecords.Vtx with
        {
            Cost = "skylake-2017",
            Cycles = new(1, 2),
            Message = "elsewhere",
            Events = [.. MockRecords.Vtx.Events.Reverse().Select(e => e with { Detail = "port 0", Cycles = 1 })],
        };
        SnapshotText.Render(_content with { Records = [other] }).Should().Be(SnapshotText.Render(_content with { Records = [MockRecords.Vtx] }));
    }

    [Test]
    public void A_machine_of_several_has_a_section_of_its_own_with_what_it_used() =>
        SnapshotText.Render(_content with { Records = [MockRecords.Hosted] }).Should().Contain("""
            == run 1: vtx on yonah, machine web
              passed, final state abcd
              equivalence holds, resource control holds, efficiency holds
              61 slices, 21 world switches, 2 times blocked; pages: 10 to 256, target 90, 31 % in use
              80 present, 12 shared (most 14), 3 ballooned (most 9), 4 swapped; 40 out, 36 in
              17 merged, 5 broken; shadows of 2 address spaces in 13 frames; host of 200 frames, states 2/1/1/0
            """.ReplaceLineEndings("\n"));

    [Test]
    public void Hostile_text_forges_no_section_and_no_escape_code()
    {
        var hostile = MockRecords.Trap with { Console = "== run 9: x on y\r\u001b[31m\n\n== z", Digest = "a\n== b" };
        var text = SnapshotText.Render(_content with { Title = "t\n== u", Records = [hostile] });
        text.Split('\n').Where(line => line.StartsWith("== ", StringComparison.Ordinal)).Should().Equal("== guest 1", "== run 1: trap013 on yonah");
        text.Should().NotContain("\u001b").And.NotContain("\r");
    }

    [Test]
    public void A_first_result_is_new_and_equal_once_accepted()
    {
        var fresh = _store.Compare(_content, narrowed: false);
        fresh.Status.Should().Be(SnapshotStatus.New);
        fresh.Verdict.Should().Be(SnapshotVerdict.New);
        _store.Pending().Should().Equal(Id);
        _store.Review(Id).Diff.Should().Contain("+ == guest 1");
        _store.Accept(Id).Status.Should().Be(SnapshotStatus.Equal);
        _store.Compare(_content, narrowed: false).Should().BeEquivalentTo(new SnapshotComparison(Id, SnapshotStatus.Equal, fresh.VerifiedPath, [], ""));
        Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Should().Equal(fresh.VerifiedPath);
        var bytes = File.ReadAllBytes(fresh.VerifiedPath);
        bytes.Should().StartWith(new byte[] { 0xEF, 0xBB, 0xBF }).And.NotContain((byte)'\r');
        bytes[^1].Should().NotBe((byte)'\n');
    }

    [Test]
    public void A_change_is_shown_inline_and_stays_until_it_is_undone()
    {
        Keep(_content);
        var changed = _store.Compare(Change("ffff"), narrowed: false);
        changed.Status.Should().Be(SnapshotStatus.Changed);
        changed.Diff.Should().Equal(
            "...",
            "    | ok",
            "",
            "  == run 1: vtx on yonah",
            "-   passed, final state abcd",
            "+   passed, final state ffff",
            "    equivalence holds, resource control holds, efficiency holds",
            "           2 exit         CPUID                        cpuid      cpl 3 level 0",
            "           1 exit         I/O instruction              in         cpl 0 level 0",
            "...");
        _store.Review(Id).Diff.Should().Equal(changed.Diff);
        File.Exists(_store.ReceivedPath(Id)).Should().BeTrue();
        _store.Compare(_content, narrowed: false).Status.Should().Be(SnapshotStatus.Equal);
        File.Exists(_store.ReceivedPath(Id)).Should().BeFalse();
    }

    [Test]
    public void A_narrowed_run_compares_and_merges_only_its_sections()
    {
        Keep(_content);
        var narrowed = Change("ffff") with { Records = [MockRecords.Bare, Change("ffff").Records[2]] };
        _store.Compare(narrowed with { Records = [MockRecords.Bare, MockRecords.Vtx] }, narrowed: true).Status.Should().Be(SnapshotStatus.Equal);
        _store.Compare(narrowed, narrowed: true).Status.Should().Be(SnapshotStatus.Changed);
        _store.Accept(Id);
        _store.Compare(Change("ffff"), narrowed: false).Status.Should().Be(SnapshotStatus.Equal);
    }

    [Test]
    public void A_narrowed_run_adds_a_section_where_a_whole_run_puts_it()
    {
        Keep(_content with { Records = [MockRecords.Bare, MockRecords.Vtx] });
        _store.Compare(_content with { Records = [MockRecords.Bare, MockRecords.Trap] }, narrowed: true).Status.Should().Be(SnapshotStatus.Changed);
        _store.Accept(Id);
        _store.Compare(_content with { Records = [MockRecords.Bare, MockRecords.Trap, MockRecords.Vtx] }, narrowed: false)
            .Status.Should().Be(SnapshotStatus.Equal);
    }

    [Test]
    public void A_narrowed_run_folds_as_the_whole_run_did()
    {
        Keep(Long(0));
        _store.Compare(Long(0) with { Records = [Long(0).Records[3]] }, narrowed: true).Status.Should().Be(SnapshotStatus.Equal);
        _store.Compare(Long(0) with { Records = [Long(1).Records[9]] }, narrowed: true).Status.Should().Be(SnapshotStatus.Changed);
    }

    [Test]
    public void A_file_that_is_far_too_long_is_damaged_and_not_compared()
    {
        var path = Keep(_content);
        File.WriteAllText(path, "\ufeff" + new string('x', 1 << 20));

        var comparison = _store.Compare(_content, narrowed: false);

        comparison.Status.Should().Be(SnapshotStatus.Damaged);
        comparison.Diff.Should().BeEmpty();
        comparison.Message.Should().Be($"expected a text of at most 1048576 bytes, found 1048579 in {path}: restore the file or accept the received text.");
        _store.Accept(Id).Status.Should().Be(SnapshotStatus.Equal);
    }

    [Test]
    public void A_difference_is_shown_as_far_as_anybody_reads()
    {
        var diff = SnapshotText.Diff(string.Concat(Enumerable.Repeat("old\n", 5000)), new string('y', 10_000));

        diff.Should().HaveCount(361);
        diff[^1].Should().MatchRegex(@"^\.\.\. \d+ more lines$");
        SnapshotText.Diff("", new string('y', 10_000)).Should().Contain(line => line.Length < 450 && line.EndsWith(" more characters"));
    }

    [Test]
    public void A_folder_in_the_place_of_a_snapshot_is_said_to_be_one()
    {
        var path = Keep(_content);
        File.Delete(path);
        Directory.CreateDirectory(path);

        var compared = _store.Compare(_content, narrowed: false);
        File.WriteAllText(_store.ReceivedPath(Id), "text");
        foreach (var comparison in (SnapshotComparison[])[compared, _store.Accept(Id)])
        {
            comparison.Status.Should().Be(SnapshotStatus.Inaccessible);
            comparison.Message.Should().Contain($"expected a file, found a folder: {path}");
        }
    }

    [Test]
    public void Line_ends_of_a_checkout_are_no_difference()
    {
        var path = Keep(_content);
        File.WriteAllText(path, "\ufeff" + SnapshotText.Render(_content).Replace("\n", "\r\n", StringComparison.Ordinal));
        _store.Compare(_content, narrowed: false).Status.Should().Be(SnapshotStatus.Equal);
    }

    [TestCase("", "", "no byte order mark")]
    [TestCase("\ufeff", "\n", "ends in a newline")]
    public void Another_form_of_the_same_text_is_rewritten_by_accept(string before, string after, string message)
    {
        var path = Keep(_content);
        var canonical = File.ReadAllBytes(path);
        File.WriteAllText(path, before + SnapshotText.Render(_content) + after);
        var comparison = _store.Compare(_content, narrowed: false);
        comparison.Status.Should().Be(SnapshotStatus.Changed);
        comparison.Message.Should().Contain(message);
        comparison.Diff.Should().BeEmpty();
        _store.Accept(Id);
        File.ReadAllBytes(path).Should().Equal(canonical);
    }

    [Test]
    public void A_damaged_snapshot_is_named_with_the_offset_and_can_be_replaced()
    {
        var path = Keep(_content);
        var bytes = File.ReadAllBytes(path);
        bytes[10] = 0xFF;
        File.WriteAllBytes(path, bytes);
        var comparison = _store.Compare(_content, narrowed: true);
        comparison.Status.Should().Be(SnapshotStatus.Damaged);
        comparison.Verdict.Should().Be(SnapshotVerdict.Changed);
        comparison.Message.Should().Contain("offset 10 of " + path);
        _store.Accept(Id).Status.Should().Be(SnapshotStatus.Equal);
        _store.Compare(_content, narrowed: false).Status.Should().Be(SnapshotStatus.Equal);
    }

    [Test]
    public void A_damaged_received_text_is_not_accepted()
    {
        var path = Keep(_content);
        var before = File.ReadAllBytes(path);
        File.WriteAllBytes(_store.ReceivedPath(Id), [0xC3, 0x28]);
        _store.Accept(Id).Status.Should().Be(SnapshotStatus.Damaged);
        _store.Review(Id).Status.Should().Be(SnapshotStatus.Damaged);
        File.ReadAllBytes(path).Should().Equal(before);
    }

    [Test]
    public void A_folder_that_cannot_be_written_is_an_error_of_the_environment()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var comparison = new SnapshotStore(file).Compare(_content, narrowed: false);
        comparison.Status.Should().Be(SnapshotStatus.Inaccessible);
        comparison.Verdict.Should().Be(SnapshotVerdict.None);
        comparison.Message.Should().NotBeEmpty();
        _store.Accept(Id).Status.Should().Be(SnapshotStatus.Inaccessible);
    }

    [Test]
    public void Snapshots_without_a_scenario_are_orphans()
    {
        Keep(_content);
        Keep(_content with { Scenario = "b/two" });
        Keep(_content with { Scenario = "a/one.part" });
        _store.Orphans([Id]).Select(orphan => (orphan.Scenario, orphan.Status)).Should()
            .Equal(("a/one.part", SnapshotStatus.Orphaned), ("b/two", SnapshotStatus.Orphaned));
        new SnapshotStore(Path.Combine(_folder, "missing")).Orphans([]).Should().BeEmpty();
    }

    [TestCase("../x")]
    [TestCase("/etc/x")]
    [TestCase("a//b")]
    [TestCase("a/b:c")]
    [TestCase("a/b#1")]
    [TestCase("")]
    public void An_id_cannot_leave_the_folder(string id) =>
        FluentActions.Invoking(() => _store.ReceivedPath(id)).Should().Throw<ArgumentException>().WithMessage("Expected an id*");

    [Test]
    public void Parameter_values_are_cleaned_for_ids() => SnapshotStore.Clean("a/b:c*\"#\n").Should().Be("a-b-c----");

    private string Keep(SnapshotContent content)
    {
        _store.Compare(content, narrowed: false).Status.Should().Be(SnapshotStatus.New);
        return _store.Accept(content.Scenario).VerifiedPath;
    }

    private static SnapshotContent Change(string digest) =>
        _content with { Records = [MockRecords.Bare, MockRecords.Trap, MockRecords.Vtx with { Digest = digest }, MockRecords.NotApplicable] };

    // A guest of 80 lines, ten engines with 20 lines of console.
    private static SnapshotContent Long(int lastInstruction) => new(
        "long/one",
        "Long",
        [_guest with { Disassembly = [.. Enumerable.Range(0, 79).Select(i => $"    mov eax,{i}"), $"    mov ebx,{lastInstruction}"] }],
        [.. Enumerable.Range(0, 10).Select(i => MockRecords.Trap with
        {
            Engine = $"engine{i}",
            Console = $"{lastInstruction * i}\n" + string.Concat(Enumerable.Repeat("x\n", 19)),
        })]);
}
