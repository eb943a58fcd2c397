namespace Harness.Scenarios;

/// <summary>The parts of a guest in source order, its labels and marks; gives every part its address and encodes it.</summary>
internal sealed class GuestProgram
{
    private readonly List<ProgramPart> _parts = [];
    private readonly List<(string Name, string Place, LabelPart? Part)> _labels = [];
    private readonly List<(string Name, string Place, int First, int End)> _marks = [];

    /// <summary>Starts at <paramref name="origin"/>, linear and physical.</summary>
    public GuestProgram(uint origin) => Add(new OrgPart(origin, origin));

    public void Add(ProgramPart part) => _parts.Add(part);

    public GuestLabel NewLabel(string name, string place)
    {
        _labels.Add((name, place, null));
        return new GuestLabel(_labels.Count - 1);
    }

    public void Bind(GuestLabel label)
    {
        var (name, place, bound) = Find(label);
        if (bound is not null)
        {
            throw new GuestBuildException($"The label {Quote(name, place)} is placed twice: create another label for the second place.");
        }

        if (label.Addend != 0)
        {
            throw new GuestBuildException($"The label {Quote(name, place)} is placed with {label.Addend} added: place the label itself.");
        }

        var part = new LabelPart(label.Index);
        _labels[label.Index] = (name, place, part);
        Add(part);
    }

    public void BeginMark(string name, string place)
    {
        if (_marks.FindIndex(m => m.Name == name) is >= 0 and var other)
        {
            throw new GuestBuildException($"{place}: the mark \"{name}\" exists already, at {_marks[other].Place}: a mark names one region.");
        }

        _marks.Add((name, place, _parts.Count, -1));
    }

    public void EndMark(string name)
    {
        int index = _marks.FindIndex(m => m.Name == name);
        if (index < 0)
        {
            throw new GuestBuildException($"The mark \"{name}\" ends but was not begun: call Mark(\"{name}\") before.");
        }

        _marks[index] = _marks[index] with { End = _parts.Count };
    }

    /// <summary>Where a label lies, after <see cref="Assemble"/>.</summary>
    public uint AddressOf(GuestLabel label)
    {
        var (name, place, part) = Find(label);
        return part is null
            ? throw new GuestBuildException($"The label {Quote(name, place)} is used but never placed: call Label(...) where it belongs.")
            : (uint)(part.Linear + label.Addend);
    }

    /// <summary>The bytes, ascending by address, adjoining ones together.</summary>
    public IReadOnlyList<GuestBytes> Assemble()
    {
        foreach (InstructionPart part in _parts.OfType<InstructionPart>())
        {
            part.Length = Encode(part, new EncodedBytes(), measure: true);
        }

        // Branches start short and only ever grow, so this ends.
        do
        {
            Place();
        }
        while (GrowBranches());

        return Collect();
    }

    /// <summary>The marks with their places, in source order.</summary>
    public IReadOnlyList<GuestMark> ResolveMarks() => [.. _marks.Select(Resolve)];

    /// <summary>Runs of adjoining instructions of one code size.</summary>
    public IReadOnlyList<GuestCode> CodeRanges()
    {
        List<GuestCode> ranges = [];
        foreach (ProgramPart part in _parts.Where(p => p.Bits != 0 && p.Length != 0))
        {
            if (ranges.Count != 0 && ranges[^1] is var last && last.Bits == part.Bits && last.Linear.Value + (uint)last.Length == part.Linear
                && last.Physical.Value + (ulong)last.Length == part.Physical)
            {
                ranges[^1] = last with { Length = last.Length + part.Length };
                continue;
            }

            ranges.Add(new GuestCode(new LinearAddress(part.Linear), new PhysicalAddress(part.Physical), part.Length, part.Bits));
        }

        return [.. ranges.OrderBy(r => r.Linear.Value).ThenBy(r => r.Physical.Value)];
    }

    private (string Name, string Place, LabelPart? Part) Find(GuestLabel label) => label.Index >= 0 && label.Index < _labels.Count
        ? _labels[label.Index]
        : throw new GuestBuildException("A label is used that this guest did not create: create labels by CreateLabel of the same guest's assembler.");

    private static string Quote(string name, string place) => $"\"{name}\", created at {place},";

    private void Place()
    {
        uint linear = 0;
        uint physical = 0;
        foreach (ProgramPart part in _parts)
        {
            if (part is OrgPart org)
            {
                linear = org.NewLinear;
                physical = org.NewPhysical;
            }

            part.Linear = linear;
            part.Physical = physical;
            if (part is AlignPart align)
            {
                part.Length = (int)((align.Boundary - linear % align.Boundary) % align.Boundary);
            }

            if (part.Length > uint.MaxValue - Math.Max(linear, physical))
            {
                throw new GuestBuildException(
                    $"{part.Length} bytes at {Math.Max(linear, physical):X8}h reach the end of the 32-bit address space: place them lower.");
            }

            linear += (uint)part.Length;
            physical += (uint)part.Length;
        }
    }

    private bool GrowBranches()
    {
        bool grown = false;
        foreach (InstructionPart part in _parts.OfType<InstructionPart>())
        {
            Instruction instruction = part.Instruction;
            Code near = instruction.Code.ToNearBranch();
            if (near == instruction.Code)
            {
                continue;
            }

            long distance = (long)Target(instruction) - (part.Linear + part.Length);
            if (distance is < sbyte.MinValue or > sbyte.MaxValue)
            {
                instruction.Code = near;
                part.Instruction = instruction;
                part.Length = Encode(part, new EncodedBytes(), measure: true);
                grown = true;
            }
        }

        return grown;
    }

    private uint Target(in Instruction instruction) =>
        GuestLabel.TryFrom(instruction.NearBranch64, out GuestLabel label) ? AddressOf(label) : (uint)instruction.NearBranch64;

    private List<GuestBytes> Collect()
    {
        List<(uint Address, List<byte> Bytes)> runs = [];
        foreach (ProgramPart part in _parts.Where(p => p.Length != 0))
        {
            if (runs.Count == 0 || runs[^1].Address + (uint)runs[^1].Bytes.Count != part.Physical)
            {
                runs.Add((part.Physical, []));
            }

            Emit(part, runs[^1].Bytes);
        }

        List<GuestBytes> contents = [.. runs.OrderBy(r => r.Address).Select(r => new GuestBytes(new PhysicalAddress(r.Address), r.Bytes.ToArray()))];
        for (int i = 1; i < contents.Count; i++)
        {
            ulong end = contents[i - 1].Address.Value + (ulong)contents[i - 1].Bytes.Length;
            if (end > contents[i].Address.Value)
            {
                throw new GuestBuildException(
                    $"Two parts of the guest lie over each other: {contents[i - 1].Address}h-{new PhysicalAddress(end - 1)}h and what starts at "
                    + $"{contents[i].Address}h: move one by Org.");
            }
        }

        return contents;
    }

    private void Emit(ProgramPart part, List<byte> bytes)
    {
        switch (part)
        {
            case InstructionPart instruction:
                var encoded = new EncodedBytes();
                _ = Encode(instruction, encoded, measure: false);
                bytes.AddRange(encoded.Bytes);
                break;
            case BytesPart data:
                int start = bytes.Count;
                bytes.AddRange(data.Bytes);
                foreach (LabelField field in data.Fields)
                {
                    Fill(bytes, start + field.Offset, field);
                }

                break;
            case AlignPart align:
                bytes.AddRange(Enumerable.Repeat(align.Fill, align.Length));
                break;
            default:
                break;
        }
    }

    private void Fill(List<byte> bytes, int at, LabelField field)
    {
        uint value = AddressOf(field.Label);
        ReadOnlySpan<int> places = field.Kind switch
        {
            FieldKind.Word => [0, 1],
            FieldKind.Doubleword => [0, 1, 2, 3],
            FieldKind.GateOffset => [0, 1, 6, 7],
            _ => [2, 3, 4, 7],
        };
        if (field.Kind == FieldKind.Word)
        {
            CheckWord(field.Label, value);
        }

        for (int i = 0; i < places.Length; i++)
        {
            bytes[at + places[i]] = (byte)(value >> (8 * i));
        }
    }

    private void CheckWord(GuestLabel label, uint value)
    {
        if (value > ushort.MaxValue)
        {
            var (name, place, _) = Find(label);
            throw new GuestBuildException($"The label {Quote(name, place)} lies at {value:X8}h, but a 16-bit field uses it: place it below 10000h.");
        }
    }

    /// <summary>Encodes with the labels in place, or, to learn the length, with values that fit.</summary>
    private int Encode(InstructionPart part, EncodedBytes output, bool measure)
    {
        Instruction instruction = part.Instruction;
        ResolveBranch(part, ref instruction, measure);
        ResolveDisplacement(ref instruction, part.CodeSize, measure);
        ResolveValue(part, ref instruction, measure);
        var encoder = Encoder.Create(part.CodeSize, output);
        if (encoder.TryEncode(instruction, part.Linear, out uint length, out string? error))
        {
            return (int)length;
        }

        throw new GuestBuildException($"\"{instruction}\" at {part.Linear:X8}h cannot be encoded in {part.CodeSize}-bit code: {error}");
    }

    private void ResolveBranch(InstructionPart part, ref Instruction instruction, bool measure)
    {
        if (instruction.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32)
        {
            uint target = measure ? part.Linear : Target(instruction);
            long distance = (long)target - (part.Linear + part.Length);
            if (!measure && (instruction.IsLoop || instruction.IsLoopcc || instruction.IsJcxShort) && distance is < sbyte.MinValue or > sbyte.MaxValue)
            {
                string name = instruction.Mnemonic.ToString().ToLowerInvariant();
                throw new GuestBuildException(
                    $"\"{name}\" at {part.Linear:X8}h reaches -128 to 127 bytes, its target {target:X8}h is {distance} away: "
                    + "jump over a JMP instead.");
            }

            instruction.NearBranch64 = instruction.Op0Kind == OpKind.NearBranch16 ? (ushort)target : target;
        }
    }

    private void ResolveDisplacement(ref Instruction instruction, int bits, bool measure)
    {
        if (!GuestLabel.TryFrom(instruction.MemoryDisplacement64, out GuestLabel label) || !HasMemory(instruction))
        {
            return;
        }

        Register register = instruction.MemoryBase != Register.None ? instruction.MemoryBase : instruction.MemoryIndex;
        bool word = register == Register.None ? bits == 16 : register.IsGPR16();
        instruction.MemoryDisplSize = word ? 2 : 4;
        uint value = measure ? 0 : AddressOf(label);
        if (word)
        {
            CheckWord(label, value);
        }

        instruction.MemoryDisplacement64 = value;
    }

    private void ResolveValue(InstructionPart part, ref Instruction instruction, bool measure)
    {
        if (part.Value is not { } label)
        {
            return;
        }

        uint value = measure ? 0 : AddressOf(label);
        for (int i = 0; i < instruction.OpCount; i++)
        {
            switch (instruction.GetOpKind(i))
            {
                case OpKind.Immediate32:
                    instruction.Immediate32 = value;
                    break;
                case OpKind.Immediate16:
                    CheckWord(label, value);
                    instruction.Immediate16 = (ushort)value;
                    break;
                case OpKind.FarBranch32:
                    instruction.FarBranch32 = value;
                    break;
                case OpKind.FarBranch16:
                    CheckWord(label, value);
                    instruction.FarBranch16 = (ushort)value;
                    break;
                default:
                    break;
            }
        }
    }

    private static bool HasMemory(in Instruction instruction)
    {
        for (int i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Memory)
            {
                return true;
            }
        }

        return false;
    }

    private GuestMark Resolve((string Name, string Place, int First, int End) mark)
    {
        int end = mark.End < 0 ? _parts.Count : mark.End;
        int first = _parts.FindIndex(mark.First, end - mark.First, HasBytes);
        if (first < 0)
        {
            throw new GuestBuildException($"{mark.Place}: the mark \"{mark.Name}\" has no instruction: call Mark before the instruction that it names.");
        }

        int last = mark.End < 0 ? first : _parts.FindLastIndex(end - 1, end - mark.First, HasBytes);
        return new GuestMark(mark.Name, new LinearAddress(_parts[first].Linear), new LinearAddress(_parts[last].Linear + (uint)_parts[last].Length));
    }

    private static bool HasBytes(ProgramPart part) => part.Length != 0;

    private sealed class EncodedBytes : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
