namespace Harness.Scenarios;

/// <summary>A part of a program in source order, placed by <see cref="GuestProgram"/>.</summary>
internal abstract class ProgramPart
{
    public uint Linear { get; set; }

    public uint Physical { get; set; }

    public int Length { get; set; }

    /// <summary>Code size of instructions; 0 for what is not code.</summary>
    public virtual int Bits => 0;
}

/// <summary>An instruction, whose immediate or far offset may be a label.</summary>
internal sealed class InstructionPart(Instruction instruction, int bits, GuestLabel? value) : ProgramPart
{
    public Instruction Instruction { get; set; } = instruction;

    public GuestLabel? Value { get; } = value;

    public int CodeSize { get; } = bits;

    public override int Bits => Instruction.Code is >= Code.DeclareByte and <= Code.DeclareQword ? 0 : CodeSize;
}

/// <summary>How a label's value enters data.</summary>
internal enum FieldKind
{
    Word,
    Doubleword,

    /// <summary>Bits 0-15 and 48-63 of a gate (SDM Vol. 3A, 6.11).</summary>
    GateOffset,

    /// <summary>Bits 16-39 and 56-63 of a segment descriptor (SDM Vol. 3A, 3.4.5).</summary>
    DescriptorBase,
}

internal readonly record struct LabelField(int Offset, FieldKind Kind, GuestLabel Label);

/// <summary>Bytes; an instruction if <see cref="ProgramPart.Bits"/> is not 0.</summary>
internal sealed class BytesPart : ProgramPart
{
    public BytesPart(byte[] bytes, int bits, params LabelField[] fields)
    {
        Bytes = bytes;
        Bits = bits;
        Fields = fields;
        Length = bytes.Length;
    }

    public byte[] Bytes { get; }

    public LabelField[] Fields { get; }

    public override int Bits { get; }
}

internal sealed class OrgPart(uint linear, uint physical) : ProgramPart
{
    public uint NewLinear { get; } = linear;

    public uint NewPhysical { get; } = physical;
}

internal sealed class AlignPart(uint boundary, byte fill) : ProgramPart
{
    public uint Boundary { get; } = boundary;

    public byte Fill { get; } = fill;
}

internal sealed class LabelPart(int index) : ProgramPart
{
    public int Index { get; } = index;
}
