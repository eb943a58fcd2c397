using System.Reflection;
using FluentAssertions;
using Harness.Isa;
using Iced.Intel;
using NUnit.Framework;

namespace Harness.Tests.Isa;

/// <summary>Every encoding of the integer instructions up to the Pentium M has exactly one row.</summary>
public sealed class EncodingTests
{
    private static readonly CpuidFeature[] Features =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.CMOV,
        CpuidFeature.MULTIBYTENOP, CpuidFeature.CPUID, CpuidFeature.CX8, CpuidFeature.TSC, CpuidFeature.MSR, CpuidFeature.SEP, CpuidFeature.PAUSE,
        CpuidFeature.MONITOR, CpuidFeature.SMM, CpuidFeature.CLFSH,
    ];

    /// <summary>What has no row yet and so raises #UD.</summary>
    private static readonly string[] Pending = ["Clflush", "Monitor", "Mwait"];

    private static readonly (Type Type, Code Code)[] Rows =
    [
        .. typeof(EncodingsAttribute).Assembly.GetTypes().OrderBy(type => type.FullName, StringComparer.Ordinal)
            .SelectMany(type => type.GetCustomAttribute<EncodingsAttribute>()?.Codes.Select(code => (type, code)) ?? []),
    ];

    private static readonly Code[] Wanted =
    [
        .. Enum.GetValues<Code>().Where(code => code.ToOpCode() is { IsInstruction: true } encoding && (encoding.Mode16 || encoding.Mode32)
            && code.CpuidFeatures().All(Features.Contains)),
    ];

    [Test]
    public void No_encoding_has_two_rows()
    {
        Rows.GroupBy(row => row.Code).Where(group => group.Count() > 1).Select(group => $"{group.Key}: {string.Join(", ", group.Select(row => row.Type.Name))}")
            .Should().BeEmpty();
    }

    [Test]
    public void Every_encoding_has_a_row_or_is_pending()
    {
        Code[] listed = [.. Rows.Select(row => row.Code)];
        Wanted.Except(listed).Where(code => !Pending.Contains(code.Mnemonic().ToString())).Should().BeEmpty();
    }

    [Test]
    public void Nothing_pending_has_all_its_rows()
    {
        Code[] listed = [.. Rows.Select(row => row.Code)];
        string[] missing = [.. Wanted.Except(listed).Select(code => code.Mnemonic().ToString())];
        Pending.Except(missing).Should().BeEmpty("these have rows now and must leave the list of pending ones");
    }

    [Test]
    public void A_pure_row_is_named_as_its_mnemonic_or_its_family()
    {
        foreach ((Type type, Code code) in Rows.Where(row => !row.Type.IsAssignableTo(typeof(ISystem))))
        {
            string mnemonic = code.Mnemonic().ToString();
            bool named = type.IsAssignableTo(typeof(IConditional)) ? code.ConditionCode() != ConditionCode.None
                : type.IsAssignableTo(typeof(IString)) ? mnemonic[..^1] == type.Name
                : mnemonic == type.Name;
            named.Should().BeTrue("{0} must be a row of {1}", code, type.Name);
        }
    }

    [Test]
    public void Every_row_is_of_16_or_32_bits()
    {
        Rows.Where(row => row.Code.ToOpCode() is { Mode16: false, Mode32: false }).Should().BeEmpty();
    }
}
