using Iced.Intel;

namespace Harness.Engines.Translate;

/// <summary>From the guest's bytes to code in the cache.</summary>
internal sealed partial class TranslationCache
{
    private const int LongestUnit = 12;
    private const int LongestInstruction = 15;

    /// <summary>Units that are translated without being asked for, because the one before falls through to them.</summary>
    private const int UnitsAhead = 2;

    /// <summary>More than the code of any unit takes, stubs included.</summary>
    private const uint LargestUnit = 2048;

    /// <summary>The guest's bytes from an address on, as far as a unit may reach, and the pages that they lie in.</summary>
    private sealed record Source(byte[] Bytes, IReadOnlyList<SourcePage> Pages, int Instructions);

    private bool HasRoom => _next + LargestUnit <= CodeStart + _options.CacheBytes;

    /// <summary>Translates from an EIP on; null: the first instruction cannot be fetched whole within the code segment, or reaches into another page and may not.</summary>
    private CacheEntry? Translate(uint eip, int ahead = UnitsAhead)
    {
        if (!HasRoom)
        {
            Flush("full");
        }

        uint linear = _context.Base + eip;
        if (Fetch(linear, mayCross: ahead == UnitsAhead) is not { } source)
        {
            return null;
        }

        var unit = new TranslationUnit(linear, source.Pages);
        uint start = _next;
        var links = new List<(uint Field, uint Eip)>();
        var decoder = Decoder.Create(32, source.Bytes);
        decoder.IP = eip;
        uint position = eip;
        bool ended = false;
        bool inShadow = false;
        for (int done = 0; done < source.Instructions && !ended; done++)
        {
            Instruction instruction = decoder.Decode();
            bool isKnown = done > 0 && !inShadow && _entries.ContainsKey(position);
            if (isKnown || instruction.IsInvalid || instruction.NextIP32 - 1 > _context.Limit || instruction.NextIP32 < instruction.IP32)
            {
                break;
            }

            InstructionClass type = ClassOf(instruction);
            Place(position, instruction, inShadow);
            if (!inShadow && _entries.TryAdd(position, new CacheEntry(unit, _next)))
            {
                unit.Entries.Add(position);
            }

            Emit(instruction, type, source.Bytes.AsSpan((int)(position - eip), instruction.Length), links);
            Note(InstructionClasses.NameOf(type));
            inShadow = type == InstructionClass.Sti;
            ended = InstructionClasses.EndsUnit(instruction);
            position = instruction.NextIP32;
        }

        if (position == eip)
        {
            return null;
        }

        unit.Length = position - eip;
        bool goesOn = !ended && !inShadow;
        if (goesOn)
        {
            Place(position);
            Write(Sequence.Link(), InstructionClass.Branch);
            links.Add((_next - 4, position));
        }
        else if (inShadow)
        {
            // The shadow has to be seen: no other unit may follow.
            Place(position, inShadow: true);
            EmitCallout(CalloutType.Chain, null);
        }

        CacheLink? last = null;
        foreach ((uint field, uint target) in links)
        {
            last = AddLink(unit, field, target);
        }

        foreach (SourcePage page in unit.Pages)
        {
            page.Units.Add(unit);
        }

        Note("unit");
        Note("bytes-in", count: unit.Length);
        Note("bytes-out", count: _next - start);

        // What the guest falls through to may be wanted. But only in the page that it has fetched from: another's accessed bit is not set yet.
        bool isNear = ((_context.Base + position) & PageMask) == (linear & PageMask) && HasRoom;
        if (goesOn && ahead > 0 && isNear && !_entries.ContainsKey(position) && Translate(position, ahead - 1) is { } next)
        {
            SetLink(last!, next);
        }

        return new CacheEntry(unit, start);
    }

    /// <summary>Where a jump of the unit leads, which is to a callout as long as there is no code.</summary>
    private CacheLink AddLink(TranslationUnit unit, uint field, uint eip)
    {
        var link = new CacheLink(unit, field, _next, eip);
        Place(eip);
        EmitCallout(CalloutType.Chain, link);
        if (_entries.TryGetValue(eip, out CacheEntry known))
        {
            SetLink(link, known);
        }
        else
        {
            SetTarget(link, link.Stub);
        }

        return link;
    }

    private void Emit(in Instruction instruction, InstructionClass type, ReadOnlySpan<byte> bytes, List<(uint Field, uint Eip)> links)
    {
        switch (type)
        {
            case InstructionClass.Ident:
                WriteBytes(bytes);
                return;
            case InstructionClass.Branch:
                Write(Sequence.Branch(instruction), type);
                break;
            case InstructionClass.ShortBranch:
                uint at = _next;
                int[] offsets = Write(Sequence.ShortBranch(instruction), type);
                _sites.Add(new CacheSite(at + (uint)offsets[1], instruction.NextIP32));
                _sites.Add(new CacheSite(at + (uint)offsets[2], instruction.NearBranch32));
                break;
            case InstructionClass.Call:
                Write(Sequence.Call(instruction), type);
                break;
            default:
                Write(SequenceOf(instruction, type), type);
                return;
        }

        links.Add((_next - 4, instruction.NearBranch32));
    }

    private static Sequence SequenceOf(in Instruction instruction, InstructionClass type) => type switch
    {
        InstructionClass.Return or InstructionClass.IndirectJump or InstructionClass.IndirectCall => Sequence.Lookup(instruction, type),
        InstructionClass.Cli => Sequence.Cli(),
        InstructionClass.Sti => Sequence.Sti(),
        InstructionClass.Pushf => Sequence.Pushf(),
        InstructionClass.Popf => Sequence.Popf(),
        InstructionClass.Rdtsc => Sequence.Rdtsc(),
        _ => Sequence.CallOut(),
    };

    private void Place(uint eip, Instruction instruction = default, bool inShadow = false) => _sites.Add(new CacheSite(_next, eip, instruction, inShadow));

    private void EmitCallout(CalloutType type, CacheLink? link)
    {
        uint at = _next;
        Write(Sequence.CallOut(), InstructionClass.Sensitive);
        _callouts[at] = new Callout(type, link);
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        ClearMarks(bytes.Length);
        _host.Memory.Write(new HostPhysicalAddress(_next), bytes);
        _next += (uint)bytes.Length;
    }

    /// <summary>Room for the marks of the next bytes.</summary>
    private Span<byte> ClearMarks(int length)
    {
        int first = (int)(_next - CodeStart);
        if (first + length > _marks.Length)
        {
            // For all of the region it would be a large object for each monitor, most of it never used.
            Array.Resize(ref _marks, Math.Clamp(2 * _marks.Length, first + length, (int)(CodeEnd - CodeStart)));
            SetMarks();
        }

        Span<byte> marks = _marks.AsSpan(first, length);
        marks.Clear();
        return marks;
    }

    private void SetMarks() => _host.SetCodeMarks(new LinearAddress(MonitorRegion.Start + CodeStart), _marks);

    /// <returns>Where in it each instruction begins.</returns>
    private int[] Write(Sequence sequence, InstructionClass type)
    {
        uint at = _next;
        byte[] bytes = sequence.Assemble(MonitorRegion.Start + at, out int[] offsets);
        Span<byte> marks = ClearMarks(bytes.Length);
        for (int i = 0; i < offsets.Length; i++)
        {
            marks[offsets[i]] = sequence.Marks[i];
        }

        _host.Memory.Write(new HostPhysicalAddress(at), bytes);
        _next += (uint)bytes.Length;
        if (sequence.Callout >= 0)
        {
            _callouts[at + (uint)offsets[sequence.Callout]] = new Callout(CalloutOf(type), null);
        }

        return offsets;
    }

    private static CalloutType CalloutOf(InstructionClass type) => type switch
    {
        InstructionClass.Return or InstructionClass.IndirectJump or InstructionClass.IndirectCall => CalloutType.Indirect,
        InstructionClass.Traced => CalloutType.Trace,
        _ => CalloutType.Sensitive,
    };

    private InstructionClass ClassOf(in Instruction instruction)
    {
        InstructionClass type = InstructionClasses.Of(instruction);
        return type switch
        {
            InstructionClass.Ident => _options.Adapts && _traces.GetValueOrDefault(instruction.IP32) >= Patience ? InstructionClass.Traced : type,
            InstructionClass.Sensitive when _ownPorts.Contains(instruction.IP32) && IsPortByRegister(instruction) => InstructionClass.Ident,
            InstructionClass.Branch or InstructionClass.ShortBranch => instruction.NearBranch32 <= _context.Limit ? type : InstructionClass.Sensitive,
            InstructionClass.Call => instruction.NearBranch32 <= _context.Limit && _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Return or InstructionClass.IndirectCall => _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Cli or InstructionClass.Sti => _options.Emulates ? type : InstructionClass.Sensitive,
            InstructionClass.Pushf or InstructionClass.Popf => _options.Emulates && _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Rdtsc => _options.Emulates && _host.Has(Feature.Tsc) ? type : InstructionClass.Sensitive,
            _ => type,
        };
    }

    /// <summary>IN and OUT with the port in DX.</summary>
    public static bool IsPortByRegister(in Instruction instruction) =>
        (instruction.Mnemonic == Mnemonic.In && instruction.Op1Register == Register.DX) || (instruction.Mnemonic == Mnemonic.Out && instruction.Op0Register == Register.DX);

    /// <summary>Bytes of one page, or those of a single instruction that reaches into the next.</summary>
    private Source? Fetch(uint linear, bool mayCross)
    {
        if (FetchPage(linear & PageMask) is not { } page)
        {
            return null;
        }

        byte[] bytes = new byte[Math.Min(LongestUnit * LongestInstruction, (int)(PageSize - (linear & ~PageMask)))];
        bytes = bytes[.._code.Read(new LinearAddress(linear), bytes, user: false)];
        var decoder = Decoder.Create(32, bytes);
        decoder.Decode();
        if (decoder.LastError != DecoderError.NoMoreBytes)
        {
            return new Source(bytes, [page], LongestUnit);
        }

        if (!mayCross || FetchPage((linear & PageMask) + PageSize) is not { } second)
        {
            return null;
        }

        bytes = new byte[LongestInstruction];
        return new Source(bytes[.._code.Read(new LinearAddress(linear), bytes, user: false)], [page, second], 1);
    }

    /// <summary>The guest's tables come out as its own fetch leaves them.</summary>
    private SourcePage? FetchPage(uint linear)
    {
        if (_pageAt.TryGetValue(linear, out SourcePage? known))
        {
            return known;
        }

        var at = new LinearAddress(linear);
        if (linear >= MonitorRegion.Start || !_emulator.Walk(at, write: false, user: false, fetch: true, out _) || _shadow.Trace(at) is not { } frame)
        {
            return null;
        }

        _pageAt[linear] = known = new SourcePage(linear, frame);
        _pages.Add(known);
        return known;
    }
}
