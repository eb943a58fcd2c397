using System.Globalization;
using Iced.Intel;

namespace Harness.Engines;

/// <summary>An instruction that the monitor emulates, in the words of the ledger.</summary>
internal static class InstructionText
{
    private static readonly string?[] Mnemonics = new string?[Enum.GetValues<Mnemonic>().Length];

    /// <summary>In lower case; empty where no instruction is known.</summary>
    public static string MnemonicOf(in Instruction instruction) =>
        instruction.IsInvalid ? "" : Mnemonics[(int)instruction.Mnemonic] ??= instruction.Mnemonic.ToString().ToLowerInvariant();

    /// <summary>Port, MSR, control register or vector; empty for others.</summary>
    public static string DetailOf(in Instruction instruction, Emulator emulator) => instruction.Mnemonic switch
    {
        Mnemonic.In => Port(instruction, 1, emulator),
        Mnemonic.Out => Port(instruction, 0, emulator),
        Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => Number((ushort)emulator.Gpr(2)),
        Mnemonic.Int => Number(instruction.Immediate8),
        Mnemonic.Rdmsr or Mnemonic.Wrmsr => Number(emulator.Gpr(1)),
        Mnemonic.Mov when instruction.Op0Register.IsCR() || instruction.Op0Register.IsDR() => Name(instruction.Op0Register),
        Mnemonic.Mov when instruction.Op1Register.IsCR() || instruction.Op1Register.IsDR() => Name(instruction.Op1Register),
        _ => "",
    };

    /// <summary>A port as a detail.</summary>
    public static string PortName(ushort port) => Number(port);

    private static string Port(in Instruction instruction, int operand, Emulator emulator) =>
        Number(instruction.GetOpKind(operand) == OpKind.Immediate8 ? instruction.Immediate8 : (ushort)emulator.Gpr(2));

    private static string Number(uint value) => value.ToString("X", CultureInfo.InvariantCulture) + "h";

    private static string Name(Register register) => register.ToString().ToUpperInvariant();
}
