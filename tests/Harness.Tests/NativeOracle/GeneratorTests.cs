using FluentAssertions;
using Harness.NativeOracle;
using NUnit.Framework;

namespace Harness.Tests.NativeOracle;

[TestFixture]
public sealed class GeneratorTests
{
    private static string FixturePath => Path.Combine(AppContext.BaseDirectory, "fixtures", "ring3.txt");

    [Test]
    public void A_case_decodes_to_the_form_it_is_made_for()
    {
        var generator = new CaseGenerator(3);
        for (int i = 0; i < 2 * CaseGenerator.FormNames.Count; i++)
        {
            Case test = generator.Make(i);
            int form = i % CaseGenerator.FormNames.Count;
            if (form < Forms.All.Count)
            {
                CaseGenerator.Decode(test.Bitness, test.Code).Code.Should().Be(Forms.All[form], CaseText.Describe(test));
            }
        }
    }

    [Test]
    public void A_case_depends_on_seed_and_number_only()
    {
        var first = new CaseGenerator(5);
        var second = new CaseGenerator(5);
        first.Make(17);
        CaseText.Describe(first.Make(1234)).Should().Be(CaseText.Describe(second.Make(1234)));
        CaseText.Describe(new CaseGenerator(6).Make(1234)).Should().NotBe(CaseText.Describe(second.Make(1234)));
    }

    [Test]
    public void Memory_of_a_case_lies_in_writable_pages()
    {
        var generator = new CaseGenerator(8);
        for (int i = 0; i < 5000; i++)
        {
            foreach (MemoryBytes patch in generator.Make(i).Memory)
            {
                for (uint b = 0; b < patch.Bytes.Length; b++)
                {
                    World.Permission(patch.Address + b).Should().Be(PagePermission.ReadWrite);
                }
            }
        }
    }

    [Test]
    public void No_form_is_both_judged_and_excluded()
    {
        Forms.Excluded.Select(f => f.Name).Should().NotIntersectWith(CaseGenerator.FormNames);
        Forms.Excluded.Should().OnlyContain(f => f.Reason.Length > 0);
    }

    [Test]
    public void Recorded_answers_cover_every_form_and_read_back_as_written()
    {
        RecordedAnswers recorded = RecordedAnswers.Read(FixturePath);
        recorded.Answers.Select(a => a.Test.Form).Distinct().Should().BeEquivalentTo(CaseGenerator.FormNames);
        string[] lines = [.. File.ReadAllLines(FixturePath).Where(l => l[0] != '#')];
        recorded.Answers.Select(a => CaseText.ToLine(a.Test, a.Result)).Should().Equal(lines);
    }

    [Test]
    public void A_damaged_file_of_answers_is_named_with_its_line()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "damaged-ring3.txt");
        File.WriteAllText(path, "# ring-3 answers of a test\n1 2|Nop\n");
        Action read = () => RecordedAnswers.Read(path);
        read.Should().Throw<FormatException>().WithMessage($"{path}(2): expected 12 fields*");
    }
}
