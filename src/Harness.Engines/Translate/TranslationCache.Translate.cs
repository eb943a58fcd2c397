using Iced.Intel;

namespace Harness.Engines.Translate;

/// <summary>From the guest's bytes to code in the cache.</summary>
internal sealed partial class TranslationCache
{
    private const int LongestUnit = 12;
    private const int LongestInstruction = 15;

    /// <summary>More than the code of any unit takes, stubs included.</summary>
    private const uint LargestUnit = 2048;

    /// <summary>The guest's bytes from an address on, as far as a unit may reach, and the pages that they lie in.</summary>
    private sealed record Source(byte[] Bytes, IReadOnlyList<SourcePage> Pages, int Instructions);

    /// <summary>Translates from an EIP on; null: the first instruction cannot be fetched whole within the code segment.</summary>
    private CacheEntry? Translate(uint eip)
    {
        if (_next + LargestUnit > CodeStart + _options.CacheBytes)
        {
            Flush("full");
        }

        uint linear = _context.Base + eip;
        if (Fetch(linear) is not { } source)
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
            if (instruction.IsInvalid || instruction.NextIP32 - 1 > _context.Limit || instruction.NextIP32 < instruction.IP32)
            {
                break;
            }

            InstructionClass type = ClassOf(instruction);
            Place(position, inShadow);
            if (!inShadow && _entries.TryAdd(position, new CacheEntry(unit, _next)))
            {
                unit.Entries.Add(position);
            }

            Emit(instruction, type, source.Bytes.AsSpan((int)(position - eip), instruction.Length), links);
            Note(NameOf(type));
            inShadow = type == InstructionClass.Sti;
            ended = InstructionClasses.EndsUnit(instruction);
            position = instruction.NextIP32;
        }

        if (position == eip)
        {
            return null;
        }

        unit.Length = position - eip;
        Finish(unit, position, ended, inShadow, links);
        Record(EngineEventKind.Translation, "unit", 1);
        Record(EngineEventKind.Translation, "bytes-in", unit.Length);
        Record(EngineEventKind.Translation, "bytes-out", _next - start);
        return new CacheEntry(unit, start);
    }

    /// <summary>What follows the unit, and where its jumps lead as long as they are not linked.</summary>
    private void Finish(TranslationUnit unit, uint end, bool ended, bool inShadow, List<(uint Field, uint Eip)> links)
    {
        if (!ended)
        {
            Place(end, inShadow);
            if (inShadow)
            {
                // The shadow has to be seen: no other unit may follow.
                EmitCallout(CalloutType.Chain, null);
            }
            else
            {
                Write(Sequence.Link(0), InstructionClass.Branch);
                links.Add((_next - 4, end));
            }
        }

        foreach ((uint field, uint eip) in links)
        {
            var link = new CacheLink(unit, field, _next, eip);
            Place(eip, inShadow: false);
            EmitCallout(CalloutType.Chain, link);
            if (_entries.TryGetValue(eip, out CacheEntry known))
            {
                SetLink(link, known);
            }
            else
            {
                SetTarget(link, link.Stub);
            }
        }

        foreach (SourcePage page in unit.Pages)
        {
            page.Units.Add(unit);
        }
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
                _sites.Add(new CacheSite(at + (uint)offsets[1], instruction.NextIP32, InShadow: false));
                _sites.Add(new CacheSite(at + (uint)offsets[2], instruction.NearBranch32, InShadow: false));
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

    private void Place(uint eip, bool inShadow) => _sites.Add(new CacheSite(_next, eip, inShadow));

    private void EmitCallout(CalloutType type, CacheLink? link)
    {
        _callouts[_next] = new Callout(type, link);
        WriteBytes([0x0F, 0x0B]);
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        _marks.AsSpan((int)(_next - CodeStart), bytes.Length).Clear();
        _host.Memory.Write(new HostPhysicalAddress(_next), bytes);
        _next += (uint)bytes.Length;
    }

    /// <returns>Where in it each instruction begins.</returns>
    private int[] Write(Sequence sequence, InstructionClass type)
    {
        uint at = _next;
        byte[] bytes = sequence.Assemble(MonitorRegion.Start + at, out int[] offsets);
        Span<byte> marks = _marks.AsSpan((int)(at - CodeStart), bytes.Length);
        marks.Clear();
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
            InstructionClass.Ident => _options.Adapts && _faults.GetValueOrDefault(instruction.IP32) >= Patience ? InstructionClass.Traced : type,
            InstructionClass.Branch or InstructionClass.ShortBranch => instruction.NearBranch32 <= _context.Limit ? type : InstructionClass.Sensitive,
            InstructionClass.Call => instruction.NearBranch32 <= _context.Limit && _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Return or InstructionClass.IndirectCall => _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Cli or InstructionClass.Sti => _options.Emulates ? type : InstructionClass.Sensitive,
            InstructionClass.Pushf or InstructionClass.Popf => _options.Emulates && _context.HasBigStack ? type : InstructionClass.Sensitive,
            InstructionClass.Rdtsc => _options.Emulates && _host.Has(Feature.Tsc) ? type : InstructionClass.Sensitive,
            _ => type,
        };
    }

    /// <summary>Bytes of one page, or those of a single instruction that reaches into the next.</summary>
    private Source? Fetch(uint linear)
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

        if (FetchPage((linear & PageMask) + PageSize) is not { } second)
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
