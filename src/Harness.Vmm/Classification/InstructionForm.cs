using System.Text;
using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>What one explicit operand of a form is.</summary>
public enum OperandChoice : byte
{
    /// <summary>As the encoding says: an implied register or memory operand, an immediate, a branch target.</summary>
    Implied,

    /// <summary>A general register.</summary>
    Register,

    /// <summary>Memory.</summary>
    Memory,

    /// <summary>One segment, control, debug or test register, <see cref="FormOperand.System"/>.</summary>
    SystemRegister,
}

/// <summary>An operand of a form; <paramref name="System"/> is the register of <see cref="OperandChoice.SystemRegister"/>.</summary>
public readonly record struct FormOperand(OpCodeOperandKind Kind, OperandChoice Choice, Register System = Register.None);

/// <summary>
/// One form of an instruction: an encoding, with a register or memory where it allows both, and with one segment, control or debug register where it names
/// one, because those decide about privilege. String instructions have a form with REP and one without.
/// </summary>
public sealed class InstructionForm
{
    internal InstructionForm(Code code, IReadOnlyList<FormOperand> operands, bool repeats)
    {
        Code = code;
        Operands = operands;
        Repeats = repeats;
        Name = Describe();
    }

    /// <summary>Iced's name of the encoding.</summary>
    public Code Code { get; }

    /// <summary>In the order of the encoding.</summary>
    public IReadOnlyList<FormOperand> Operands { get; }

    /// <summary>With a REP prefix.</summary>
    public bool Repeats { get; }

    /// <summary>The manual's spelling in lower case, unique among the forms of a catalogue: <c>mov cr3, r32</c>, <c>popfd</c>, <c>add m16, r16 (66 01 /r)</c>.</summary>
    public string Name { get; internal set; }

    /// <summary>In lower case.</summary>
    public string Mnemonic => Code.Mnemonic().ToString().ToLowerInvariant();

    /// <summary>As the manual spells it: <c>0F 22 /r</c>.</summary>
    public string OpCode => Code.ToOpCode().ToOpCodeString();

    /// <summary>
    /// It changes M and R by way of the IDT: an execution in terms of the definitions, not a trap, but the monitor that owns the IDT sees it (SDM Vol. 2A, INT n/INTO/INT3).
    /// </summary>
    public bool EntersByIdt => Code.Mnemonic() is Iced.Intel.Mnemonic.Int or Iced.Intel.Mnemonic.Int1 or Iced.Intel.Mnemonic.Int3 or Iced.Intel.Mnemonic.Into;

    /// <summary>Whether a decoded instruction is an instance of this form.</summary>
    public bool Matches(in Instruction instruction)
    {
        if (instruction.Code != Code || Repeats != (instruction.HasRepPrefix && instruction.IsStringInstruction))
        {
            return false;
        }

        for (int i = 0; i < Operands.Count; i++)
        {
            bool matches = Operands[i].Choice switch
            {
                OperandChoice.Memory => instruction.GetOpKind(i) == OpKind.Memory,
                OperandChoice.Register => instruction.GetOpKind(i) == OpKind.Register,
                OperandChoice.SystemRegister => instruction.GetOpRegister(i) == Operands[i].System,
                _ => true,
            };
            if (!matches)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether a user who says this means the form: its mnemonic or its whole name, in upper or lower case.</summary>
    public bool IsNamed(string name) => string.Equals(name, Mnemonic, StringComparison.OrdinalIgnoreCase) || string.Equals(name, Name, StringComparison.OrdinalIgnoreCase);

    private string Describe()
    {
        string text = Code.ToOpCode().ToInstructionString().ToLowerInvariant();
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (Repeats)
        {
            text = "rep " + text;
        }

        if (space < 0 || Operands.Count == 0)
        {
            return text;
        }

        string[] parts = text[(text.IndexOf(Mnemonic, StringComparison.Ordinal) + Mnemonic.Length)..].Split(',', StringSplitOptions.TrimEntries);
        var name = new StringBuilder(Repeats ? "rep " : "").Append(Mnemonic);
        for (int i = 0; i < parts.Length; i++)
        {
            name.Append(i == 0 ? " " : ", ").Append(i < Operands.Count ? Narrow(parts[i], Operands[i]) : parts[i]);
        }

        return name.ToString();
    }

    /// <summary>r/m16 becomes r16 or m16; Sreg, CRn and DRn become the register.</summary>
    private static string Narrow(string part, FormOperand operand)
    {
        if (operand.Choice == OperandChoice.SystemRegister)
        {
            return operand.System.ToString().ToLowerInvariant();
        }

        int slash = part.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || operand.Choice == OperandChoice.Implied)
        {
            return part;
        }

        string memory = part[(slash + 1)..];
        string left = part[..slash];
        return operand.Choice == OperandChoice.Memory ? memory : left.Length > 1 ? left : left + memory[1..];
    }
}
