using Iced.Intel;

namespace Harness.Engines.Translate;

/// <summary>Why translated code calls the monitor.</summary>
internal enum CalloutType
{
    /// <summary>It does not: a copy of the guest's instruction, or a branch that stays in the cache.</summary>
    None,

    /// <summary>The guest goes on at an address for which the cache has no link yet.</summary>
    Chain,

    /// <summary>CALL, whose return address has to be the guest's.</summary>
    Call,

    /// <summary>RET and indirect jumps.</summary>
    Indirect,

    /// <summary>What a less privileged ring or another code segment would do otherwise.</summary>
    Sensitive,
}

/// <summary>
/// Translated kernel code in the monitor's region. Each instruction of a unit stands for one of the guest's and takes its tick; a callout is UD2, which faults
/// and so takes none. A unit is as valid as the source bytes, the page tables on the way to them and the code segment: their frames are traced, and a change of
/// one of them empties the cache.
/// </summary>
internal sealed class TranslationCache(IHost host, Emulator emulator, GuestLinearMemory code, ShadowPages pages)
{
    /// <summary>Host-physical, and as an offset in the monitor's region.</summary>
    public const uint Start = 0x300000;
    public const uint End = 0x400000;

    private const int LongestUnit = 12;
    private const uint PageSize = 0x1000;
    private const uint PageMask = 0xFFFFF000;
    private const int LongestInstruction = 15;
    private const int LongestBranch = 6;

    private readonly Dictionary<uint, uint> _units = [];
    private readonly Dictionary<uint, Site> _sites = [];
    private readonly Dictionary<uint, bool[]> _source = [];
    private Context _context;
    private uint _next = Start;
    private Site? _unlinked;

    /// <summary>An instruction in the cache: of which of the guest's it is the copy, or before which it calls out. Link: host address of the displacement to it.</summary>
    private readonly record struct Site(uint Eip, CalloutType Callout, uint Link);

    private readonly record struct Context(uint Base, uint Limit);

    /// <summary>A linear address belongs to the cache.</summary>
    public static bool Contains(uint linear) => linear >= MonitorRegion.Start + Start;

    /// <summary>The guest's EIP at an instruction in the cache.</summary>
    public uint SourceEip(uint linear) => _sites[linear - MonitorRegion.Start].Eip;

    /// <summary>Takes a callout at an address in the cache; the branch that led to it is linked if the guest goes on there.</summary>
    public CalloutType CallOut(uint linear)
    {
        Site site = _sites[linear - MonitorRegion.Start];
        _unlinked = site.Link == 0 ? null : site;
        return site.Callout;
    }

    /// <summary>Where the guest's code at its EIP begins in the cache; null where it has to be interpreted.</summary>
    public uint? Enter()
    {
        ref SegmentRegister segment = ref emulator.Segment(SegmentName.CS);
        bool breaks = (emulator.Flags & Eflags.TF) != 0 || (emulator.System.Dr7 & 0xFF) != 0;
        if (!segment.IsBig || breaks)
        {
            return null;
        }

        var context = new Context(segment.Base, segment.Limit);
        if (context != _context)
        {
            Flush();
            _context = context;
        }

        uint? unit = _units.TryGetValue(emulator.Eip, out uint known) ? known : Translate(emulator.Eip);
        if (unit is { } target && _unlinked is { } site && site.Eip == emulator.Eip)
        {
            host.Memory.WriteUInt32(new HostPhysicalAddress(site.Link), target - (site.Link + 4));
        }

        _unlinked = null;
        return unit + MonitorRegion.Start;
    }

    /// <summary>Empties the cache if source bytes were written.</summary>
    public void Written(uint address, int size)
    {
        if (!_source.TryGetValue(address & PageMask, out bool[]? source))
        {
            return;
        }

        uint offset = address & ~PageMask;
        if (source.AsSpan((int)offset, (int)Math.Min((uint)size, PageSize - offset)).Contains(true))
        {
            Flush();
        }
    }

    public void Flush()
    {
        _units.Clear();
        _sites.Clear();
        _source.Clear();
        _unlinked = null;
        _next = Start;
    }

    /// <summary>Translates from an EIP on; null: the first instruction cannot be fetched whole from one page within the code segment.</summary>
    private uint? Translate(uint eip)
    {
        uint linear = _context.Base + eip;
        if (linear >= MonitorRegion.Start || !emulator.Walk(new LinearAddress(linear), write: false, user: false, fetch: true, out _)
            || pages.Trace(new LinearAddress(linear)) is not { } frame)
        {
            return null;
        }

        if (_next + (LongestUnit + 1) * (LongestInstruction + 2 * LongestBranch) > End)
        {
            Flush();
        }

        byte[] bytes = new byte[Math.Min(LongestUnit * LongestInstruction, (int)(PageSize - (linear & ~PageMask)))];
        int count = code.Read(new LinearAddress(linear), bytes, user: false);
        var decoder = Decoder.Create(32, bytes[..count]);
        decoder.IP = eip;
        uint unit = _next;
        uint at = unit;
        var stubs = new List<Site>();
        int done = 0;
        bool ended = false;
        uint position = eip;
        while (done < LongestUnit && !ended)
        {
            Instruction instruction = decoder.Decode();
            if (instruction.IsInvalid || instruction.NextIP32 - 1 > _context.Limit || instruction.NextIP32 < instruction.IP32)
            {
                break;
            }

            CalloutType type = TypeOf(instruction);
            if (type != CalloutType.None)
            {
                ended = true;
                at = EmitCallout(at, new Site(position, type, 0));
            }
            else if (instruction.FlowControl == FlowControl.Next)
            {
                _sites[at] = new Site(position, type, 0);
                host.Memory.Write(new HostPhysicalAddress(at), bytes.AsSpan((int)(position - eip), instruction.Length));
                at += (uint)instruction.Length;
            }
            else
            {
                ended = instruction.FlowControl == FlowControl.UnconditionalBranch;
                _sites[at] = new Site(position, type, 0);
                at = EmitBranch(at, instruction);
                stubs.Add(new Site(instruction.NearBranch32, CalloutType.Chain, at - 4));
            }

            position = instruction.NextIP32;
            done++;
        }

        if (done == 0)
        {
            return null;
        }

        if (!ended)
        {
            at = EmitCallout(at, new Site(position, CalloutType.Chain, 0));
        }

        foreach (Site stub in stubs)
        {
            host.Memory.WriteUInt32(new HostPhysicalAddress(stub.Link), at - (stub.Link + 4));
            at = EmitCallout(at, stub);
        }

        _next = at;
        _units[eip] = unit;
        MarkSource(frame, linear & ~PageMask, position - eip);
        return unit;
    }

    private uint EmitCallout(uint at, Site site)
    {
        _sites[at] = site;
        host.Memory.Write(new HostPhysicalAddress(at), [0x0F, 0x0B]);
        return at + 2;
    }

    /// <summary>JMP rel32 or Jcc rel32, without its displacement's value.</summary>
    private uint EmitBranch(uint at, in Instruction instruction)
    {
        byte condition = (byte)(instruction.ConditionCode - ConditionCode.o);
        byte[] opcode = instruction.FlowControl == FlowControl.UnconditionalBranch ? [0xE9] : [0x0F, (byte)(0x80 | condition)];
        host.Memory.Write(new HostPhysicalAddress(at), opcode);
        return at + (uint)opcode.Length + 4;
    }

    private void MarkSource(uint frame, uint offset, uint length)
    {
        if (!_source.TryGetValue(frame, out bool[]? source))
        {
            _source[frame] = source = new bool[PageSize];
        }

        source.AsSpan((int)offset, (int)length).Fill(true);
    }

    private CalloutType TypeOf(in Instruction instruction)
    {
        switch (instruction.FlowControl)
        {
            case FlowControl.Next:
                return IsSensitive(instruction) ? CalloutType.Sensitive : CalloutType.None;
            case FlowControl.UnconditionalBranch when instruction.IsJmpShortOrNear:
            case FlowControl.ConditionalBranch when instruction.IsJccShortOrNear:
                bool reaches = instruction.Op0Kind == OpKind.NearBranch32 && instruction.NearBranch32 <= _context.Limit;
                return reaches ? CalloutType.None : CalloutType.Sensitive;
            case FlowControl.Call:
                return CalloutType.Call;
            case FlowControl.Return when instruction.Mnemonic == Mnemonic.Ret:
            case FlowControl.IndirectBranch:
                return CalloutType.Indirect;
            default:
                return CalloutType.Sensitive;
        }
    }

    /// <summary>Does something else in ring 1, over the monitor's tables or from the cache's code segment, or has a length in ticks of its own.</summary>
    private static bool IsSensitive(in Instruction instruction)
    {
        bool flags = ((instruction.RflagsRead | instruction.RflagsModified) & RflagsBits.IF) != 0;
        bool usesCode = instruction.SegmentPrefix == Register.CS;
        bool usesSelector = false;
        for (int operand = 0; operand < instruction.OpCount; operand++)
        {
            usesSelector |= instruction.GetOpKind(operand) == OpKind.Register
                && (instruction.GetOpRegister(operand) is var register && (register.IsSegmentRegister() || register.IsCR() || register.IsDR() || register.IsTR()));
        }

        return flags || usesCode || usesSelector || instruction.IsPrivileged || instruction.Mnemonic
            is Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Cli or Mnemonic.Sti
            or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw or Mnemonic.Lmsw
            or Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw or Mnemonic.Arpl
            or Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss
            or Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd
            or Mnemonic.Rdtsc or Mnemonic.Rdtscp or Mnemonic.Rdpmc or Mnemonic.Rdmsr or Mnemonic.Wrmsr or Mnemonic.Cpuid
            or Mnemonic.Hlt or Mnemonic.Monitor or Mnemonic.Mwait or Mnemonic.Rsm or Mnemonic.Bound
            or Mnemonic.Vmread or Mnemonic.Vmwrite or Mnemonic.Vmptrld or Mnemonic.Vmptrst or Mnemonic.Vmclear or Mnemonic.Vmxon;
    }
}
