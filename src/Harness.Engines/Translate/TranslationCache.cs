namespace Harness.Engines.Translate;

/// <summary>
/// Translated kernel code in the monitor's region. A unit is as valid as the source bytes, the page tables on the way to them and the code segment: their frames
/// are traced, and what is no longer true is dropped. Addresses are host-physical, which is also the offset in the region.
/// </summary>
internal sealed partial class TranslationCache
{
    private const uint CodeStart = CacheData.Start + CacheData.Bytes;
    private const uint CodeEnd = 0x400000;
    private const uint PageSize = 0x1000;
    private const uint PageMask = 0xFFFFF000;

    /// <summary>Times that an access meets traced memory before it becomes a callout, and the most that are remembered.</summary>
    private const int Patience = 4;
    private const int MostTraces = 2 * Patience;

    /// <summary>Flags under which the guest is interpreted: single steps, and what POPFD of virtual-8086 extensions would change.</summary>
    private const uint Unusual = Eflags.TF | Eflags.VIF | Eflags.VIP;

    private readonly IHost _host;
    private readonly Emulator _emulator;
    private readonly GuestLinearMemory _code;
    private readonly ShadowPages _shadow;
    private readonly Ledger _ledger;
    private readonly TranslationOptions _options;
    private readonly CacheData _data;
    private readonly long[] _uses = new long[CodeMark.Counters];
    private readonly Dictionary<uint, CacheEntry> _entries = [];
    private readonly Dictionary<uint, Callout> _callouts = [];
    private readonly Dictionary<uint, SourcePage> _pageAt = [];
    private readonly Dictionary<uint, int> _traces = [];

    /// <summary>Where IN and OUT have met the ports of a device that is the guest's own: there they are copied.</summary>
    private readonly HashSet<uint> _ownPorts = [];
    private readonly List<SourcePage> _pages = [];

    /// <summary>In ascending order of their addresses.</summary>
    private readonly List<CacheSite> _sites = [];
    private Context _context;
    private uint _next = CodeStart;
    private byte[] _marks = new byte[0x2000];
    private Callout _last;
    private int _flushes;

    /// <summary>What of the segments translated code depends on.</summary>
    private readonly record struct Context(uint Base, uint Limit, bool HasBigStack);

    public TranslationCache(IHost host, Emulator emulator, GuestLinearMemory code, ShadowPages shadow, Ledger ledger, TranslationOptions options)
    {
        _host = host;
        _emulator = emulator;
        _code = code;
        _shadow = shadow;
        _ledger = ledger;
        _options = options;
        _data = new CacheData(host);
        _data.ClearTable();
        SetMarks();
    }

    /// <summary>Room for code.</summary>
    public static int MostKiB => (int)(CodeEnd - CodeStart) / 1024;

    /// <summary>A linear address belongs to translated code.</summary>
    public static bool Contains(uint linear) => linear >= MonitorRegion.Start + CodeStart;

    /// <summary>Of which guest instruction an instruction in the cache is.</summary>
    public CacheSite SiteOf(uint linear)
    {
        uint address = linear - MonitorRegion.Start;
        int low = 0;
        for (int high = _sites.Count; high - low > 1;)
        {
            int middle = (low + high) / 2;
            (low, high) = _sites[middle].Address <= address ? (middle, high) : (low, middle);
        }

        return _sites[low];
    }

    /// <summary>The guest's virtual flags, where translated code runs, are in its memory.</summary>
    public void ImportFlags() => _data.Import(_emulator);

    /// <summary>Where the guest's code at its EIP begins in the cache; null where it has to be interpreted.</summary>
    public uint? Enter()
    {
        ref SegmentRegister segment = ref _emulator.Segment(SegmentName.CS);
        bool breaks = (_emulator.Flags & Unusual) != 0 || (_emulator.System.Dr7 & 0xFF) != 0;
        if (!segment.IsBig || breaks)
        {
            return null;
        }

        var context = new Context(segment.Base, segment.Limit, _emulator.Segment(SegmentName.SS).IsBig);
        if (context != _context)
        {
            Flush("segment");
            _context = context;
        }

        uint eip = _emulator.Eip;
        Callout from = _last;
        _last = default;
        int flushes = _flushes;
        if ((_entries.TryGetValue(eip, out CacheEntry found) ? found : Translate(eip)) is not { } entry)
        {
            return null;
        }

        // Making room for the entry may have emptied the cache: then there is no unit any more that the link leads from.
        if (from.Link is { } link && link.Eip == eip && link.From.IsValid && flushes == _flushes)
        {
            SetLink(link, entry);
        }
        else if (from.Type == CalloutType.Indirect)
        {
            _data.AddTarget(eip, MonitorRegion.Start + entry.Address);
            Note("target");
        }

        _data.Export(_emulator);
        return MonitorRegion.Start + entry.Address;
    }

    /// <summary>Translated code was left for the monitor: the frame becomes the guest's. The callout that led there, or none if the guest's instruction trapped.</summary>
    public CalloutType Leave(TrapFrame frame)
    {
        CacheSite site = SiteOf(frame.Eip);
        Callout callout = frame.Vector == (byte)Vector.UD ? _callouts.GetValueOrDefault(frame.Eip - MonitorRegion.Start) : default;
        ImportFlags();
        if (site.InShadow && _data.StiCastsShadow)
        {
            _emulator.Blocking = Shadow.Sti;
        }

        frame.Eip = site.Eip;
        _last = callout;
        return callout.Type;
    }

    /// <summary>
    /// The instruction at an EIP met traced memory, by a fault or as a callout, or as a callout did not. Where it does again and again, its translation is replaced
    /// by a callout; where it no longer does, by a copy.
    /// </summary>
    public void NoteAccess(uint eip, bool traced)
    {
        int before = _traces.GetValueOrDefault(eip);
        int now = _traces[eip] = Math.Min(before + (traced ? 1 : -1), MostTraces);
        if (_options.Adapts && before < Patience != now < Patience && _entries.TryGetValue(eip, out CacheEntry entry))
        {
            Drop(entry.Unit);
            Note(traced ? "adaptation" : "reversion");
        }
    }

    /// <summary>The IN or OUT at an EIP met a port of the guest's own device as a callout, or as a copy another port: it is translated anew.</summary>
    public void NotePort(uint eip, bool isOwn)
    {
        bool changed = isOwn ? _ownPorts.Add(eip) : _ownPorts.Remove(eip);
        if (changed && _entries.TryGetValue(eip, out CacheEntry entry))
        {
            Drop(entry.Unit);
            Note(isOwn ? "adaptation" : "reversion");
        }
    }

    /// <summary>Records what the processor has counted in translated code since it was asked last.</summary>
    public void RecordUses()
    {
        for (InstructionClass type = 0; type <= InstructionClass.Traced; type++)
        {
            long uses = _host.CodeCount((int)type);
            if (uses != _uses[(int)type])
            {
                Record(new EngineEvent
                {
                    Kind = EngineEventKind.InCache,
                    Cause = InstructionClasses.NameOf(type),
                    Instruction = InstructionClasses.MnemonicOf(type),
                    Count = uses - _uses[(int)type],
                });
                _uses[(int)type] = uses;
            }
        }
    }

    /// <summary>Drops the units that were made from bytes that have been written.</summary>
    public void Written(uint address, int size)
    {
        foreach (SourcePage page in _pages)
        {
            if (page.Frame == (address & PageMask))
            {
                DropWhere(page, page.Linear | (address & ~PageMask), (uint)size, "invalidation");
            }
        }
    }

    /// <summary>
    /// After the guest's paging or memory map has changed: keeps the units of pages that are where they were and whose next fetch would leave no trace in the
    /// guest's tables.
    /// </summary>
    public void Revalidate()
    {
        for (int i = _pages.Count - 1; i >= 0; i--)
        {
            SourcePage page = _pages[i];
            var linear = new LinearAddress(page.Linear);
            if (!_emulator.CanFetch(linear) || _shadow.Trace(linear) != page.Frame || _shadow.WasLost(page.Frame))
            {
                DropWhere(page, page.Linear, PageSize, "remap");
                _pages.RemoveAt(i);
                _pageAt.Remove(page.Linear);
            }
        }
    }

    private void DropWhere(SourcePage page, uint linear, uint size, string why)
    {
        for (int i = page.Units.Count - 1; i >= 0; i--)
        {
            if (page.Units[i].Overlaps(linear, size))
            {
                Drop(page.Units[i]);
                Note(why);
            }
        }
    }

    /// <summary>Empties the cache.</summary>
    private void Flush(string why)
    {
        if (_pages.Count > 0)
        {
            Note("eviction", why);
        }

        _flushes++;
        _entries.Clear();
        _callouts.Clear();
        _pageAt.Clear();
        _traces.Clear();
        _ownPorts.Clear();
        _pages.Clear();
        _sites.Clear();
        _data.ClearTable();
        _last = default;
        _next = CodeStart;
    }

    /// <summary>Nothing leads to the unit any more; its bytes stay until the cache is emptied.</summary>
    private void Drop(TranslationUnit unit)
    {
        unit.IsValid = false;
        foreach (CacheLink link in unit.Incoming)
        {
            SetTarget(link, link.Stub);
        }

        foreach (uint eip in unit.Entries)
        {
            _entries.Remove(eip);
            _data.RemoveTarget(eip);
        }

        foreach (SourcePage page in unit.Pages)
        {
            page.Units.Remove(unit);
        }
    }

    private void SetLink(CacheLink link, CacheEntry to)
    {
        SetTarget(link, to.Address);
        to.Unit.Incoming.Add(link);
        Note("link");
    }

    private void SetTarget(CacheLink link, uint address) => _host.Memory.WriteUInt32(new HostPhysicalAddress(link.Field), address - (link.Field + 4));

    /// <summary>Something that the translator has done.</summary>
    private void Note(string cause, string reason = "", long count = 1) =>
        Record(new EngineEvent { Kind = EngineEventKind.Translation, Cause = cause, Reason = reason, Count = count });

    private void Record(EngineEvent e) => _ledger.Record(e with { Level = 1 });
}
