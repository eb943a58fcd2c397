using System.Text.Json.Nodes;
using FluentAssertions;
using Harness.Records;
using NUnit.Framework;

namespace Harness.Tests.Records;

/// <summary>A classification that cannot be is refused with the place of what is wrong, before a report relies on it.</summary>
public sealed class ClassificationReadingTests
{
    private const string Text = """
        {
          "schema": "harness-classification/1",
          "cpu": "pentium", "model": "pentium", "description": "a few words",
          "later": 1,
          "modes": [{
            "mode": "real",
            "configurations": [{ "name": "permissive", "meaning": "IOPL 3" }, { "name": "trapping", "meaning": "IOPL 0" }],
            "forms": [{
              "name": "cli", "code": "Cli", "opCode": "FA", "settings": 9, "faults": ["#GP"],
              "verdicts": [{
                "configuration": "permissive", "class": "sensitive", "pairs": 9, "trapped": 0, "privileged": false, "sensitive": true, "userSensitive": true,
                "findings": [{ "name": "control(system)", "side": "user", "witness": {
                  "setting": "code=FA", "configuration": "permissive", "first": "user", "second": null, "firstState": "CPL 3", "secondState": null,
                  "what": "eflags.IF", "firstValue": "1", "secondValue": "0"
                } }],
                "unprivileged": {
                  "setting": "code=FA", "configuration": "permissive", "first": "supervisor", "second": "user", "firstState": "CPL 0", "secondState": "CPL 3",
                  "what": "outcome", "firstValue": "retires", "secondValue": "retires"
                }
              }, {
                "configuration": "trapping", "class": "privileged", "pairs": 9, "trapped": 9, "privileged": true, "sensitive": false, "userSensitive": false, "findings": []
              }]
            }],
            "theorems": [
              { "theorem": 1, "configuration": "permissive", "segments": true, "holds": false, "offending": ["cli"] },
              { "theorem": 1, "configuration": "trapping", "segments": true, "holds": true, "offending": [] }
            ]
          }]
        }
        """;

    private string _file = "";

    [SetUp]
    public void CreateFile() => _file = Path.GetTempFileName();

    [TearDown]
    public void DeleteFile() => File.Delete(_file);

    [Test]
    public void A_key_of_later_versions_is_passed_over() => Read(Text).Modes[0].Forms[0].Verdicts[1].Trapped.Should().Be(9);

    [TestCase("pairs")]
    [TestCase("trapped")]
    [TestCase("privileged")]
    [TestCase("sensitive")]
    [TestCase("userSensitive")]
    [TestCase("findings")]
    public void A_verdict_without_a_key_is_refused(string key)
    {
        JsonNode root = JsonNode.Parse(Text)!;
        root["modes"]![0]!["forms"]![0]!["verdicts"]![0]!.AsObject().Remove(key).Should().BeTrue();

        Refused(root.ToJsonString()).Message.Should().Contain($"'{key}'").And.Contain("expected one JSON object").And.Contain("write it again");
    }

    [TestCase("\"theorem\": 1, \"configuration\": \"t", "\"theorem\": 0, \"configuration\": \"t", 26, "modes[0].theorems[1].theorem: expected 1 to 3, found 0; ")]
    [TestCase("\"theorem\": 1, \"configuration\": \"t", "\"theorem\": 4, \"configuration\": \"t", 26, "theorem: expected 1 to 3, found 4; ")]
    [TestCase("\"theorem\": 1, \"configuration\": \"p", "\"theorem\": -7, \"configuration\": \"p", 25, "theorem: expected 1 to 3, found -7; ")]
    [TestCase("\"theorem\": 1, \"configuration\": \"p", "\"theorem\": 2147483647, \"configuration\": \"p", 25, "theorem: expected 1 to 3, found 2147483647; ")]
    [TestCase("\"theorem\": 1, \"configuration\": \"t", "\"theorem\": 2, \"configuration\": \"t", 24, "theorems: expected of theorem 1 a verdict for each configuration, in their order (permissive, trapping), found permissive; ")]
    [TestCase("\"holds\": true", "\"holds\": false", 26, "modes[0].theorems[1].holds: expected true with 0 offending forms, found false; ")]
    [TestCase("[\"cli\"]", "[null]", 25, "modes[0].theorems[0].offending[0]: must not hold null; ")]
    [TestCase("\"class\": \"sensitive\"", "\"class\": \"nice\"", 11, "modes[0].forms[0].verdicts[0].class: expected one of privileged, sensitive, innocuous, undecided, absent, found 'nice'; ")]
    [TestCase("\"class\": \"sensitive\"", "\"class\": \"innocuous\"", 11, "verdicts[0].sensitive: expected false of a verdict with class innocuous, found true; ")]
    [TestCase("\"privileged\": true", "\"privileged\": false", 21, "verdicts[1].privileged: expected true of a verdict with class privileged, found false; ")]
    [TestCase("\"sensitive\": false, \"userSensitive\": false", "\"sensitive\": false, \"userSensitive\": true", 21, "verdicts[1].userSensitive: expected false of a verdict with class privileged, found true; ")]
    [TestCase("\"pairs\": 9, \"trapped\": 0", "\"pairs\": -1, \"trapped\": 0", 11, "verdicts[0].pairs: expected 0 to 9, found -1; ")]
    [TestCase("\"trapped\": 0", "\"trapped\": -1", 11, "verdicts[0].trapped: expected 0 to 9, found -1; ")]
    [TestCase("\"trapped\": 9", "\"trapped\": 10", 21, "verdicts[1].trapped: expected 0 to 9, found 10; ")]
    [TestCase("\"settings\": 9", "\"settings\": -9", 9, "modes[0].forms[0].settings: must not be negative, found -9; ")]
    [TestCase("\"side\": \"user\"", "\"side\": \"kernel\"", 12, "verdicts[0].findings[0].side: expected one of supervisor, user, found 'kernel'; ")]
    [TestCase("\"pairs\": 9, \"trapped\": 0", "\"pairs\": 10, \"trapped\": 0", 11, "verdicts[0].pairs: expected 0 to 9, found 10; ")]
    [TestCase("\"pairs\": 9, \"trapped\": 0", "\"pairs\": 0, \"trapped\": 0", 11, "verdicts[0].pairs: expected at least 1 of a verdict with class sensitive, found 0; ")]
    [TestCase("\"trapped\": 0", "\"trapped\": 9", 11, "verdicts[0].trapped: expected fewer than 9 of a verdict with class sensitive, found 9; ")]
    [TestCase("\"trapped\": 9", "\"trapped\": 8", 21, "verdicts[1].trapped: expected all 9 pairs of a verdict with class privileged, found 8; ")]
    [TestCase("\"name\": \"control(system)\"", "\"name\": \"control\"", 12, "verdicts[0].findings[0].name: expected one of control(system), control(segment), mode, location(memory), ")]
    [TestCase("\"name\": \"control(system)\"", "\"name\": \"resource(time)\"", 12, "verdicts[0].findings: expected one that makes the verdict sensitive, found none; ")]
    [TestCase("\"name\": \"control(system)\"", "\"name\": \"mode\"", 12, "verdicts[0].findings: expected one that makes the verdict userSensitive, found none; ")]
    [TestCase("\"userSensitive\": true", "\"userSensitive\": false", 12, "verdicts[0].findings: expected none that makes the verdict userSensitive, found one; ")]
    [TestCase("\"unprivileged\"", "\"unprivilege\"", 10, "verdicts[0].unprivileged: expected a witness of a verdict with class sensitive, found none; ")]
    [TestCase("[\"cli\"]", "[\"clix\"]", 25, "modes[0].theorems[0].offending[0]: expected 'cli', by the verdicts on the forms and in their order, found 'clix'; ")]
    [TestCase("[\"cli\"]", "[\"cli\", \"cli\"]", 25, "modes[0].theorems[0].offending[1]: expected no more, by the verdicts on the forms and in their order, found 'cli'; ")]
    [TestCase("\"holds\": false, \"offending\": [\"cli\"]", "\"holds\": true, \"offending\": []", 25, "modes[0].theorems[0].offending: expected 'cli', by the verdicts on the forms and in their order, found no more; ")]
    [TestCase("\"holds\": true, \"offending\": []", "\"holds\": false, \"offending\": [\"cli\"]", 26, "modes[0].theorems[1].offending[0]: expected no more, by the verdicts on the forms and in their order, found 'cli'; ")]
    [TestCase("\"mode\": \"real\"", "\"mode\": \"re\\u001bal\"", 6, "modes[0].mode: expected one of real, protected, v86, found 're\\u{1B}al'; ")]
    [TestCase("\"name\": \"trapping\"", "\"name\": \"permissive\"", 7, "modes[0].configurations[1].name: expected each once, found 'permissive' again; ")]
    [TestCase("\"configuration\": \"trapping\", \"class\"", "\"configuration\": \"other\", \"class\"", 10, "modes[0].forms[0].verdicts: expected a verdict for each configuration, in their order (permissive, trapping), found permissive, other; ")]
    [TestCase("\"verdicts\": [{", "\"verdicts\": [null, {", 10, "modes[0].forms[0].verdicts[0]: must not hold null; ")]
    public void A_value_that_cannot_be_is_refused_in_its_place(string part, string replacement, int line, string message)
    {
        Text.Should().Contain(part);

        using var culture = new OddCulture();
        RecordFormatException refused = Refused(Text.Replace(part, replacement, StringComparison.Ordinal));

        refused.Line.Should().Be(line);
        refused.Message.Should().StartWith($"{_file}({line}): ").And.Contain(message).And.EndWith("; correct it, or write it again with `harness classify --format json`.");
    }

    [TestCase("\"settings\": 9", "\"settings\": \"x\"", 9, "modes[0].forms[0].settings: expected a whole number of 32 bits, found \"x\".")]
    [TestCase("\"settings\": 9", "\"settings\": 99999999999", 9, "modes[0].forms[0].settings: expected a whole number of 32 bits, found 99999999999.")]
    [TestCase("\"settings\": 9", "\"settings\": null", 9, "modes[0].forms[0].settings: expected a whole number of 32 bits, found null.")]
    [TestCase("\"holds\": false", "\"holds\": 0", 25, "modes[0].theorems[0].holds: expected true or false, found 0.")]
    [TestCase("[\"#GP\"]", "[[]]", 9, "modes[0].forms[0].faults[0]: expected a text, found a list.")]
    [TestCase("[\"#GP\"]", "{\"#GP\": 1}", 9, "modes[0].forms[0].faults: expected a list, found an object.")]
    [TestCase("\"unprivileged\": {", "\"unprivileged\": true, \"later\": {", 16, "modes[0].forms[0].verdicts[0].unprivileged: expected an object, found true.")]
    [TestCase("\"witness\": {", "\"witness\": null, \"later\": {", 12, "modes[0].forms[0].verdicts[0].findings[0].witness: expected an object, found null.")]
    [TestCase("\"witness\": {", "\"later\": {", 15, "an object lacks 'witness'.")]
    [TestCase("\"settings\": 9", "\"settings\": 9, \"settings\": 9", 9, "Duplicate property 'settings'.")]
    public void A_value_of_another_kind_is_refused_in_words_about_the_text(string part, string replacement, int line, string message)
    {
        Text.Should().Contain(part);

        RecordFormatException refused = Refused(Text.Replace(part, replacement, StringComparison.Ordinal));

        refused.Line.Should().Be(line);
        refused.Message.Should().EndWith(message).And.NotContain("Harness.").And.NotContain("System.");
    }

    [TestCase("modes", "modes: expected at least one mode, found none; ")]
    [TestCase("findings", "modes[0].forms[0].verdicts[0].findings: expected one that makes the verdict sensitive, found none; ")]
    public void An_empty_list_is_refused(string list, string message)
    {
        JsonNode root = JsonNode.Parse(Text)!;
        JsonNode holder = list == "modes" ? root : root["modes"]![0]!["forms"]![0]!["verdicts"]![0]!;
        holder[list] = new JsonArray();

        Refused(root.ToJsonString()).Message.Should().Contain(message);
    }

    [TestCase("")]
    [TestCase("modes")]
    public void What_comes_twice_is_refused(string list)
    {
        JsonNode root = JsonNode.Parse(Text)!;
        JsonArray doubled = (list.Length == 0 ? root["modes"] : root["modes"]![0]!["forms"])!.AsArray();
        doubled.Add(doubled[0]!.DeepClone());

        Refused(root.ToJsonString()).Message.Should().Contain(list.Length == 0 ? "modes[1].mode: expected each once, found 'real' again" : "forms[1].name: expected each once, found 'cli' again");
    }

    private RecordFormatException Refused(string text) => FluentActions.Invoking(() => Read(text)).Should().Throw<RecordFormatException>().Which;

    private ClassificationRecord Read(string text)
    {
        File.WriteAllText(_file, text);
        return RecordReader.ReadClassification(_file);
    }
}
