using Iced.Intel;

namespace Harness.Vmm;

/// <summary>Instructions as text, the same in disassemblies, divergences and traces: Intel's mnemonics with their operand size (popfd, iretd), hexadecimal numbers.</summary>
public sealed class InstructionFormat
{
    private readonly StringOutput _text = new();
    private readonly IntelFormatter _formatter = new(new FormatterOptions
    {
        UppercaseHex = true,
        HexSuffix = "h",
        LeadingZeros = false,
        SpaceAfterOperandSeparator = true,
        BranchLeadingZeros = false,
        ShowBranchSize = false,
    });

    public string Text(in Instruction instruction)
    {
        _formatter.Format(instruction, _text);
        return _text.ToStringAndReset();
    }
}
