using Harness.Engines.Translate;
using Harness.Machine.Devices;
using Iced.Intel;

namespace Harness.Engines;

/// <summary>What is else where translated copies of the kernel's code run in its place.</summary>
internal sealed partial class DeprivilegingMonitor
{
    /// <summary>The processor is, or was when it trapped, in translated code.</summary>
    private bool RunsFromCache => _cache is not null && _frame.Cs == _region.CacheSelector;

    public CodeSource? SourceOf(LinearAddress executed) =>
        _cache is not null && TranslationCache.Contains(executed.Value)
            ? Source(_cache.SiteOf(executed.Value))
            : null;

    public void Translate(ref GuestRegisters registers)
    {
        if (_cache is not null && registers.Cs == _region.CacheSelector)
        {
            _cache.ImportFlags();
        }

        _state.Translate(ref registers);
    }

    private CodeSource Source(CacheSite site) => new(new LinearAddress(_emulator.Segment(SegmentName.CS).Base + site.Eip), site.Eip, site.Instruction);

    private bool TryExport()
    {
        if (_cache is null || _emulator.Cpl == 3)
        {
            return _state.TryExport(_frame);
        }

        if (_cache.Enter() is not { } address)
        {
            return false;
        }

        return _state.TryExport(_frame, new TranslatedCode(_region.CacheSelector, _region.CacheDataSelector, address));
    }

    /// <summary>Instructions that ran from the cache are accounted as such.</summary>
    private void CountTranslated(long directBefore)
    {
        if (RunsFromCache)
        {
            _retired.Translated += _retired.Direct - directBefore;
            _retired.Direct = directBefore;
            _cache!.RecordUses();
        }
    }

    /// <summary>What translated code leaves to the monitor: where it goes on, or an instruction.</summary>
    private GuestEnd? HandleCallout(CalloutType type)
    {
        string cause = type.ToString().ToLowerInvariant();
        if (type == CalloutType.Chain)
        {
            Record(Event(EngineEventKind.Callout, cause, "", "", ""));
            return null;
        }

        uint eip = _emulator.Eip;
        bool isOwnPort = MeetsOwnPort();
        _wroteTraced = false;
        GuestEnd? end = Emulate(EngineEventKind.Callout, cause, "");
        if (type == CalloutType.Trace)
        {
            _cache!.NoteAccess(eip, _wroteTraced);
        }
        else if (isOwnPort)
        {
            _cache!.NotePort(eip, isOwn: true);
        }

        return end;
    }

    /// <summary>The next instruction is an IN or OUT that the guest may execute itself.</summary>
    private bool MeetsOwnPort() =>
        _direct.DedicatesRing && _code.TryDecode(out Instruction instruction) && TranslationCache.IsPortByRegister(instruction)
        && (ushort)_emulator.Gpr(2) is >= BlockRingInterface.FirstPort and < BlockRingInterface.FirstPort + BlockRingInterface.Ports;
}
