using System.Reflection;
using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Iced.Intel;
using NUnit.Framework;

namespace Harness.Tests.Cli;

/// <summary>A model file that is at fault ends every command that takes one before it starts: yonah.json with one place changed.</summary>
public sealed class ModelFileTests
{
    private const string PauseTicks = "\"pauseTicks\": 10";
    private const string FirstMsr = "{ \"number\": \"17\", \"name\": \"IA32_PLATFORM_ID\"";
    private const string FirstSets = "\"instructionSets\": [\"INTEL8086\", \"INTEL186\", \"INTEL286\", \"INTEL386\", \"FPU\", \"FPU287\", \"FPU387\", \"INTEL486\", ";
    private const string Sets = FirstSets + "\"CPUID\", \"CX8\", \"TSC\", \"MSR\", \"CMOV\", \"SEP\", \"RDPMC\", \"PAUSE\", \"MULTIBYTENOP\", \"VMX\"]";
    private const string Features = "\"features\": [\"I486\", \"Cpuid\", \"Cr4\", \"Vme\", \"De\", \"Pse\", \"Tsc\", \"Msr\", \"Pae\", \"Mce\", \"Pge\", \"Nx\", \"Sep\", \"Pmc\", \"Vmx\"]";
    private const string LastFeature = "\"Pmc\", \"Vmx\"";

    private CliFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new CliFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase(PauseTicks, "\"pauseTicks\": 0", "pauseTicks: expected a number from 1 to 1,000,000; found 0")]
    [TestCase(PauseTicks, "\"pauseTicks\": \"10\"", "pauseTicks: expected a number from 1 to 1,000,000; found \"10\"")]
    [TestCase(PauseTicks, "\"pauseTicks\": null", "pauseTicks: expected a number from 1 to 1,000,000; found null")]
    [TestCase(PauseTicks, "\"pause\": 10", "bad.json: the whole: expected no keys but name, description, ticksPerSecond, pauseTicks, physicalAddressBits, signature, features, instructionSets, cpuid, msrs; found the key \"pause\"")]
    [TestCase(PauseTicks + ",", "", "pauseTicks: expected a number from 1 to 1,000,000; found nothing")]
    [TestCase(PauseTicks, PauseTicks + "," + PauseTicks, "bad.json: the whole: expected each key once; found the key \"pauseTicks\" again")]
    [TestCase("\"leaf\": \"1\"", "\"leaf\": \"1\", \"leaf\": \"1\"", "cpuid[1]: expected each key once; found the key \"leaf\" again")]
    [TestCase("\"leaf\": \"1\"", "\"leaf\": \"0\", \"sublef\": \"1\"", "cpuid[1]: expected no keys but leaf, subleaf, eax, ebx, ecx, edx; found the key \"sublef\"")]
    [TestCase("\"number\": \"8B\"", "\"number\": \"8B\", \"mask\\u001b\": \"1\"", "msrs[1]: expected no keys but number, name, reset, writable; found the key \"mask\\u001B\"")]
    [TestCase("1000000000,", "999999,", "ticksPerSecond: expected a number from 1,000,000 to 1,000,000,000,000; found 999999")]
    [TestCase("1000000000,", "1000000000001,", "ticksPerSecond: expected a number from 1,000,000 to 1,000,000,000,000; found 1000000000001")]
    [TestCase("Bits\": 32", "Bits\": 36", "physicalAddressBits: expected the number 32; found 36")]
    [TestCase("\"signature\": \"0", "\"signature\": \"1F", "signature: expected a text of 1 to 8 hexadecimal digits, 32 bits; found \"1F00006E8\"")]
    [TestCase("\"signature\": \"0", "\"signature\": \"00", "signature: expected a text of 1 to 8 hexadecimal digits, 32 bits; found \"0000006E8\"")]
    [TestCase("\"signature\": \"000006E8", "\"signature\": \"", "signature: expected a text of 1 to 8 hexadecimal digits, 32 bits; found \"\"")]
    [TestCase("\"FFFFFFFFFFFFFFFF\"", "\"0FFFFFFFFFFFFFFFF\"", "msrs[1].writable: expected a text of 1 to 16 hexadecimal digits, 64 bits; found ")]
    [TestCase("\"eax\": \"2\"", "\"eax\": \"0x2\"", "cpuid[0].eax: expected a text of 1 to 8 hexadecimal digits, 32 bits; found \"0x2\"")]
    [TestCase("\"leaf\": \"1\"", "\"leaf\": \"00\"", "cpuid[1].leaf: expected a leaf and subleaf that no entry before it has; found \"00\"")]
    [TestCase("\"leaf\": \"1\"", "\"leaf\": \"1\", \"subleaf\": null", "cpuid[1].subleaf: expected a text of 1 to 8 hexadecimal digits, 32 bits; found null")]
    [TestCase("\"number\": \"8B\"", "\"number\": \"17\"", "msrs[1].number: expected a number that no entry before it has; found \"17\"")]
    [TestCase("\"FFFFFFFFFFFFFFFF\"", "\"1FFFFFFFFFFFFFFFF\"", "msrs[1].writable: expected a text of 1 to 16 hexadecimal digits, 64 bits; found \"1FFFFFFFFFFFFFFFF\"")]
    [TestCase(FirstMsr, "7, " + FirstMsr, "msrs[0]: expected an object; found 7")]
    [TestCase("[\"I486\"", "[\"99\"", "features[0]: expected one of Cpuid, CpuidFaulting, Cr4, ")]
    [TestCase("[\"I486\"", "[\"Pse, Tsc\"", "found \"Pse, Tsc\"")]
    [TestCase("[\"INTEL8086\"", "[\"intel8086\"", "instructionSets[0]: expected one of ")]
    [TestCase(Sets, "\"instructionSets\": []", "instructionSets: expected at least one instruction set; found an empty list")]
    [TestCase("\"CX8\"", "\"CX8\", \"CPUID\"", "instructionSets[10]: expected a set that no entry before it is; found \"CPUID\"")]
    [TestCase("\"CX8\"", "\"AVX\"", "instructionSets[9]: expected one of the sets that are built: CMOV, CPUID, CX8, CYRIX_FPU, FPU, ")]
    [TestCase("\"CX8\"", "\"SVM\"", "; found \"SVM\"")]
    [TestCase("\"CX8\"", "\"CET_IBT\"", "; found \"CET_IBT\"")]
    [TestCase("\"Pse\"", "\"Pse\", \"I486\"", "features[6]: expected a feature that no entry before it is; found \"I486\"")]
    [TestCase("\"number\": \"8B\"", "\"number\": \"C0000080\"", "msrs[1].number: expected none of 10, 174 to 176 and C0000080, which come with the features Tsc, Sep and Nx; found \"C0000080\"")]
    [TestCase("\"number\": \"8B\"", "\"number\": \"3A\"", "msrs[1].number: expected no 3A, which comes with the feature Vmx; found \"3A\"")]
    [TestCase("0019040000000003\", \"writable\": \"0\"", "0019040000000003\", \"writable\": \"1\"", "msrs[10].writable: expected 0, for 480 tells of a capability and is read-only; found \"1\"")]
    [TestCase("\"number\": \"8B\"", "\"number\": \"491\"", "msrs[1].writable: expected 0, for 491 tells of a capability and is read-only; found \"FFFFFFFFFFFFFFFF\"")]
    [TestCase(Features, "\"features\": 1", "features: expected a list; found 1")]
    [TestCase("\"name\": \"yonah\"", "\"name\": \"\"", "name: expected a name of the characters A-Z, a-z, 0-9, '.', '_' and '-'; found \"\"")]
    [TestCase("\"name\": \"yonah\"", "\"name\": \"yo nah\"", "name: expected a name of the characters A-Z, a-z, 0-9, '.', '_' and '-'; found \"yo nah\"")]
    [TestCase("\"description\": \"", "\"description\": \"\\ud800", "not Unicode: ")]
    [TestCase("\"number\": \"485\"", "\"number\": \"4850\"", "msrs: expected the numbers 480 to 48A, which the feature Vmx needs; found no 485")]
    [TestCase(LastFeature, LastFeature + ", \"CpuidFaulting\"", "msrs: expected the number 140 with bit 0 writable, which the feature CpuidFaulting needs; found no 140")]
    [TestCase("\"Cr4\", ", "", "features: expected Cr4 beside Vme; found no Cr4")]
    [TestCase("\"I486\", ", "", "features: expected I486 beside Vmx; found no I486")]
    [TestCase("\"Sep\", ", "", "features: expected Sep beside the instruction set SEP; found no Sep")]
    [TestCase("\"Cpuid\", ", "", "features: expected Cpuid beside the instruction set CPUID; found no Cpuid")]
    [TestCase("\"Tsc\", ", "", "features: expected Tsc beside the instruction set TSC; found no Tsc")]
    [TestCase("\"Pmc\", ", "", "features: expected Pmc beside the instruction set RDPMC; found no Pmc")]
    [TestCase(LastFeature, "\"Pmc\"", "features: expected Vmx beside the instruction set VMX; found no Vmx")]
    [TestCase("\"CMOV\"", "\"SMAP\"", "features: expected Smap beside the instruction set SMAP; found no Smap")]
    [TestCase("\"CX8\", \"TSC\"", "\"CX8\"", "instructionSets: expected TSC beside the feature Tsc; found no TSC")]
    [TestCase(", \"VMX\"]", "]", "instructionSets: expected VMX beside the feature Vmx; found no VMX")]
    [TestCase("\"Pae\", ", "", "features: expected Pae beside Nx; found no Pae")]
    [TestCase(Features, "\"features\": []", "features: expected Msr beside registers in msrs; found no Msr")]
    [TestCase("0019040000000003", "0019000000000003", "msrs: 480: expected bit 31 clear and a size of 1 to 1000 in bits 44:32 (A.1); found 0019000000000003")]
    [TestCase("0000001F00000016", "0000000F00000016", "msrs: 481: expected every bit of the low half, which must be 1, among those of the high half")]
    [TestCase("5781FBFE0401E172", "D781FBFE0401E172", "msrs: 482: expected no control but those that are built: a high half within 5781FBFE; found D781FBFE0401E172")]
    [TestCase("0000000000040040", "0000000000050040", "msrs: 485: expected at most 4 CR3-target values")]
    [TestCase("0000000000040040", "00000000000400C0", "msrs: 485: ")]
    [TestCase("0000000080000021", "0000000080010021", "msrs: 486: expected no bit but those of PE, NE and PG (A.7); found 0000000080010021")]
    [TestCase("00000000FFFFFFFF", "000000007FFFFFFF", "msrs: 487: expected every bit that CR0 has: E005003F (A.7)")]
    [TestCase("0000000000002000", "0000000000002020", "msrs: 488: ")]
    [TestCase("00000000000021FF", "00000000000001FF", "msrs: 489: expected every bit of CR4 that the features bring: 21FF (A.8)")]
    [TestCase(LastFeature, LastFeature + ", \"Umip\"", "msrs: 489: expected every bit of CR4 that the features bring: 29FF (A.8); found 00000000000021FF")]
    [TestCase("{\n  \"name\"", "[], {\n  \"name\"", "not JSON: ")]
    public void A_message_names_file_key_expected_and_found(string old, string changed, string message)
    {
        WriteChanged(old, changed);

        var result = _folder.Run("classify", "--cpu", "bad.json");

        result.Code.Should().Be(5, result.Error);
        result.Out.Should().BeEmpty();
        result.Error.Should().Contain("bad.json").And.Contain(message).And.NotContain("defect");
    }

    [Test]
    public void What_is_no_JSON_is_placed_once()
    {
        _folder.Write("bad.json", "{\n  x");
        _folder.Run("classify", "--cpu", "bad.json").Error.Should().Contain("bad.json(2,3): not JSON: ").And.NotContain("LineNumber");
    }

    [Test]
    public void A_register_of_a_feature_that_is_not_writable_is_said()
    {
        WriteChanged(LastFeature, LastFeature + ", \"CpuidFaulting\"");
        string text = File.ReadAllText(_folder.File("bad.json"));
        _folder.Write("bad.json", text.Replace(FirstMsr, "{ \"number\": \"140\", \"name\": \"X\", \"reset\": \"0\", \"writable\": \"2\" }, " + FirstMsr, StringComparison.Ordinal));

        _folder.Run("classify", "--cpu", "bad.json").Error.Should()
            .EndWith("msrs: expected the number 140 with bit 0 writable, which the feature CpuidFaulting needs; found the writable bits 2\n");
    }

    [Test]
    public void A_folder_is_no_model()
    {
        Directory.CreateDirectory(_folder.File("bad.json"));

        var result = _folder.Run("classify", "--cpu", "bad.json");

        result.Should().Be((5, "", $"harness: --cpu: {_folder.File("bad.json")}: the model file cannot be read: expected a file, found a folder\n"));
    }

    [Test]
    public void Each_set_with_a_row_is_built() => ProcessorModel.BuiltSets.Should().BeEquivalentTo(
        typeof(LazyFlags).Assembly.GetTypes().Concat(ModelRegistry.Load("yonah").Extensions.SelectMany(e => e.Rows))
            .SelectMany(row => row.GetCustomAttribute<EncodingsAttribute>()?.Codes ?? []).SelectMany(code => code.CpuidFeatures()).Distinct()
            .Concat([CpuidFeature.INTEL8086_ONLY, CpuidFeature.INTEL386_ONLY]));

    [Test]
    public void A_file_that_is_no_object_is_refused()
    {
        _folder.Write("bad.json", "[]");

        _folder.Run("classify", "--cpu", "bad.json").Error.Should().EndWith("bad.json: the whole: expected an object; found a list\n");
    }

    [TestCase("run")]
    [TestCase("boot")]
    [TestCase("matrix")]
    [TestCase("classify")]
    public void Every_command_refuses_VT_x_without_its_capability_registers(string command)
    {
        WriteChanged("\"number\": \"480\"", "\"number\": \"4800\"");
        _folder.Script("x", "Scenario(\"t\", s => s.Host.Count(1, 0));");

        var result = _folder.Run(command, "--cpu", "bad.json");

        result.Code.Should().Be(5, result.Error);
        result.Error.Should().Contain("bad.json: msrs: ");
    }

    [Test]
    public void A_control_that_the_processor_lacks_is_why_an_engine_does_not_apply()
    {
        WriteChanged("5781FBFE0401E172", "5781FB7E0401E172");
        _folder.Script("x", "Scenario(\"t\", s => s.Run(Guest.Protected32(a => a.Done())));");

        var result = _folder.Run("run", "--cpu", "bad.json", "--engine", "vtx", "--format", "json");

        result.Code.Should().Be(0, result.Out + result.Error);
        result.Out.Should().Contain("the VT-x of yonah has no HLT exiting (MSR 482)");
    }

    [Test]
    public void An_unchanged_file_and_one_without_VT_x_are_models()
    {
        WriteChanged(LastFeature, "\"Pmc\"");
        _folder.Write("bad.json", File.ReadAllText(_folder.File("bad.json")).Replace(", \"VMX\"]", "]", StringComparison.Ordinal));

        ModelRegistry.Load(_folder.File("bad.json")).Name.Should().Be("yonah");
        WriteChanged(LastFeature, LastFeature);
        ModelRegistry.Load(_folder.File("bad.json")).Msrs.Should().Equal(ModelRegistry.Load("yonah").Msrs);
    }

    private void WriteChanged(string old, string changed)
    {
        using Stream stream = typeof(ProcessorModel).Assembly.GetManifestResourceStream("models/yonah.json")!;
        using var reader = new StreamReader(stream);
        string text = reader.ReadToEnd();
        int place = text.IndexOf(old, StringComparison.Ordinal);
        place.Should().BeGreaterThanOrEqualTo(0, "{0} is in the file", old);
        _folder.Write("bad.json", text[..place] + changed + text[(place + old.Length)..]);
    }
}
