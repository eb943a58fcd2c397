using System.Text;
using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Records;

public sealed class RecordTests
{
    private const string Line =
        """{"schema":"harness-run/1","scenario":"sensitive/popf_depth=2","title":"POPF loses IF","covers":["B5"],"file":"scenarios/sensitive/popf.csx","line":4,"parameters":{"depth":"2"},"engine":"trap013","run":1,"cpu":"yonah","cost":"pentium4-2005","seed":7,"guest":{"sha256":"00ff","bytes":12},"outcome":"passed","ticks":{"total":40,"halted":3},"retired":{"guest":37,"direct":30,"translated":0,"emulated":7},"regimes":[],"events":[{"kind":"trap","cause":"#GP","reason":"privileged","instruction":"cli","detail":null,"cpl":0,"level":0,"count":5,"cycles":10000}],"properties":{"equivalence":{"holds":false,"firstDivergence":{"tick":9,"at":"popf","value":"eflags.IF","bare":"1","found":"0","instruction":"popfd"},"firstControlFlow":null,"metAgain":false},"resourceControl":{"holds":true,"detail":null},"efficiency":{"holds":true,"detail":"30 of 37 direct"}},"cycles":{"guest":37,"overhead":10000},"console":"ok\n","digest":"abcd","snapshot":"none","message":null,"assumptions":[],"facts":[],"checks":null,"machine":null,"timeline":null}""";

    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("records").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_record_is_one_line_with_fields_in_the_documented_order() => RecordWriter.Line(MockRecords.Trap).Should().Be(Line);

    [Test]
    public void A_line_read_and_written_is_the_same_line_in_any_culture()
    {
        using var culture = new OddCulture();
        RecordWriter.Line(Read(Line).Single()).Should().Be(Line);
    }

    [Test]
    public void A_line_may_lack_all_but_the_required_fields()
    {
        var record = Read("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed"}""").Single();
        RecordWriter.Line(record).Should().Be(RecordWriter.Line(new RunRecord { Scenario = "a/b", Outcome = Outcome.Passed }));
    }

    [Test]
    public void Regimes_are_counted_by_name() =>
        RecordWriter.Line(MockRecords.Vtx).Should().Contain("""emulated":7},"regimes":[{"name":"v86","direct":20,"emulated":2},{"name":"unpaged","direct":10,"emulated":5}],"events""");

    [Test]
    public void What_a_machine_of_several_used_comes_back_as_it_was_written()
    {
        MachineUse use = Read(RecordWriter.Line(MockRecords.Hosted)).Single().Machine!;

        use.Should().BeEquivalentTo(MockRecords.Hosted.Machine);
        RecordWriter.Line(MockRecords.Trap).Should().Contain("\"machine\":null");
    }

    [Test]
    public void A_verdict_has_a_null_engine() =>
        RecordWriter.Line(MockRecords.Verdict).Should().Contain("\"engine\":null").And.Contain("\"checks\":{\"passed\":2,\"failed\":0,\"skipped\":1}");

    [Test]
    public void Hostile_text_stays_one_ASCII_line()
    {
        var record = MockRecords.Trap with { Console = "\u001b[31m\r\n<script>\u202e\ud800é", Title = "a\nb" };
        var line = RecordWriter.Line(record);
        line.Should().MatchRegex("^[ -~]+$").And.NotContain("<script>");
        Read(line).Single().Console.Should().Be("\u001b[31m\r\n<script>\u202e\ufffdé");
    }

    [Test]
    public void Unknown_fields_blank_lines_CRLF_and_a_byte_order_mark_are_forgiven() =>
        Read("\ufeff" + Line.Replace("\"line\"", "\"later\":[{}],\"line\"", StringComparison.Ordinal) + "\r\n\r\n" + Line).Should().HaveCount(2);

    [TestCase("""{"scenario":"a/b","outcome":"passed"}""", "expected schema harness-run/1, found none")]
    [TestCase("""{"schema":"harness-run/2","scenario":"a/b","outcome":"passed"}""", "expected schema harness-run/1, found harness-run/2")]
    [TestCase("""{"schema":1,"scenario":"a/b","outcome":"passed"}""", "expected schema harness-run/1, found Number")]
    [TestCase("""{"schema":"harness-run/1","outcome":"passed"}""", "scenario")]
    [TestCase("""{"schema":"harness-run/1","scenario":"","outcome":"passed"}""", "scenario must not be empty")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"splendid"}""", "outcome")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":3}""", "outcome")]
    [TestCase("""{"schema":"harness-run/1","scenario":null,"outcome":"passed"}""", "scenario")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","scenario":"a/c","outcome":"passed"}""", "scenario")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","parameters":{"a":1}}""", "'a' must be a string")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","parameters":{"a":"1","a":"2"}}""", "occurs twice")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","parameters":[]}""", "object of strings")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","events":[{"kind":"k","cause":"c","count":-1}]}""", "must not be negative")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","events":[{"kind":"k","cause":"c","cpl":4}]}""", "cpl must be 0 to 3")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","events":[null]}""", "events, assumptions and timeline must not hold null")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","regimes":[null]}""", "regimes, events, assumptions and timeline must not hold null")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","regimes":[{"name":"v86","direct":-1,"emulated":0}]}""", "must not be negative")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","machine":{"name":"m","swapped":-1}}""", "must not be negative")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","ticks":{"total":-1,"halted":0}}""", "must not be negative")]
    [TestCase("""{"schema":"harness-run/1","scenario":"a/b","outcome":"passed","ticks":{"total":99999999999999999999,"halted":0}}""", "total")]
    [TestCase("""{"schema":"harness-run/1","scenario":"\ud800","outcome":"passed"}""", "expected one JSON object")]
    [TestCase("""["schema"]""", "expected one JSON object")]
    [TestCase("null", "expected one JSON object")]
    [TestCase("nonsense", "expected one JSON object")]
    public void A_damaged_line_is_named_with_its_file(string damaged, string message)
    {
        var read = () => Read(Line + "\n" + damaged + "\n" + Line + "\n");
        read.Should().Throw<RecordFormatException>().WithMessage($"runs.jsonl(2): *{message}*");
    }

    [Test]
    public void Every_truncation_of_the_last_line_is_named()
    {
        for (var length = 1; length < Line.Length; length++)
        {
            var read = () => Read(Line + "\n" + Line[..length]);
            read.Should().Throw<RecordFormatException>().WithMessage("runs.jsonl(2): *").Where(e => e.Line == 2);
        }
    }

    [Test]
    public void Any_replaced_byte_gives_records_or_a_format_error()
    {
        var bytes = Encoding.UTF8.GetBytes(Line);
        foreach (var value in new byte[] { 0, (byte)'"', (byte)'{', (byte)'\\', 0x80, 0xFF })
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                var damaged = (byte[])bytes.Clone();
                damaged[i] = value;
                try
                {
                    RecordReader.Read(new MemoryStream(damaged), "runs.jsonl");
                }
                catch (RecordFormatException e)
                {
                    e.Line.Should().Be(1);
                }
            }
        }
    }

    [Test]
    public void A_file_of_other_bytes_is_no_UTF8()
    {
        var read = () => RecordReader.Read(new MemoryStream([(byte)'{', 0xC3, 0x28, (byte)'}']), "runs.jsonl");
        read.Should().Throw<RecordFormatException>().WithMessage("runs.jsonl(1): expected UTF-8*");
    }

    [Test]
    public void A_file_appears_whole_when_the_writer_is_disposed()
    {
        var path = Path.Combine(_folder, "deep", "runs.jsonl");
        using (var writer = RecordWriter.Create(path))
        {
            writer.Write(MockRecords.Trap);
            File.Exists(path).Should().BeFalse();
            new FileInfo(path + ".partial").Length.Should().Be(Line.Length + 1, "what was written is there, and the file is locked");

            var second = () => RecordWriter.Create(path);
            second.Should().Throw<IOException>("two runs may not write one file");

            writer.Write(MockRecords.Verdict);
        }

        RecordReader.Read(path).Select(RecordWriter.Line).Should().Equal(Line, RecordWriter.Line(MockRecords.Verdict));
        Directory.GetFiles(Path.GetDirectoryName(path)!).Should().Equal(path);
    }

    [Test]
    public void A_stream_stays_open()
    {
        using var stream = new MemoryStream();
        using (var writer = RecordWriter.To(stream))
        {
            writer.Write(MockRecords.Trap);
        }

        Encoding.UTF8.GetString(stream.ToArray()).Should().Be(Line + "\n");
        stream.CanWrite.Should().BeTrue();
    }

    [Test]
    public void Timings_have_a_file_of_their_own()
    {
        var path = Path.Combine(_folder, "timings.jsonl");
        var timing = new TimingRecord { Scenario = "a/b", Run = 1, Engine = "bare", Cpu = "yonah", Microseconds = 1500 };
        using (var writer = RecordWriter.Create(path))
        {
            writer.Write(timing);
        }

        File.ReadAllText(path).Should().Be(
            """{"schema":"harness-timing/1","scenario":"a/b","run":1,"engine":"bare","cpu":"yonah","microseconds":1500}""" + "\n");
        RecordReader.ReadTimings(path).Should().Equal(timing);
        File.WriteAllText(path, """{"schema":"harness-timing/1","scenario":"a/b","microseconds":-1}""");
        FluentActions.Invoking(() => RecordReader.ReadTimings(path)).Should().Throw<RecordFormatException>().WithMessage("*timings.jsonl(1): *negative*");
    }

    [TestCase("plain é 漢 \U0001F600", "plain é 漢 \U0001F600")]
    [TestCase("\u001b[1m\a\n", "\\u{1B}[1m\\u{7}\\u{A}")]
    [TestCase("\u202e\u2028", "\\u{202E}\\u{2028}")]
    public void Text_is_escaped_for_terminals(string text, string expected) => Printable.Escape(text).Should().Be(expected);

    [Test]
    public void Lone_surrogates_are_escaped() => Printable.Escape("\ud800x\udc00").Should().Be("\\u{D800}x\\u{DC00}");

    [Test]
    public void Lines_of_a_console_have_any_line_end() => Printable.Lines("a\r\nb\rc\n\n").Should().Equal("a", "b", "c", "");

    [Test]
    public void An_empty_console_has_no_line() => Printable.Lines("").Should().BeEmpty();

    private static IReadOnlyList<RunRecord> Read(string text) => RecordReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "runs.jsonl");
}
