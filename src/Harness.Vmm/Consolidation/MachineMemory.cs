namespace Harness.Vmm;

/// <summary>One machine's RAM on a host: its pages among those of all machines, and what became of them. Counts are in pages.</summary>
internal sealed class MachineMemory(HostMemory host, int first, int pages) : FrameMap
{
    /// <summary>The page of RAM that mappings may not lead to any more as they do, and whether the machine's page is still in it.</summary>
    public event Action<int, bool>? FrameLost;

    /// <summary>Number of its first page among the pages of all machines.</summary>
    public int First => first;

    public override int Pages => pages;

    /// <summary>In frames, shared ones included.</summary>
    public int Present { get; set; }

    /// <summary>In swap space now.</summary>
    public int Swapped { get; set; }

    /// <summary>Given away now.</summary>
    public int Ballooned { get; set; }

    public long SwappedOut { get; set; }

    public long SwappedIn { get; set; }

    public long Inflated { get; set; }

    /// <summary>Pages put into a frame that was there already.</summary>
    public long Merged { get; set; }

    /// <summary>Writes that gave a page a frame of its own again.</summary>
    public long Broken { get; set; }

    public long FirstTouches { get; set; }

    /// <summary>Of the pages that are being watched, those that have been touched since.</summary>
    public int SamplesTouched { get; private set; }

    /// <summary>Pages in frames that others are in too.</summary>
    public int Shared
    {
        get
        {
            int count = 0;
            for (int page = first; page < first + pages; page++)
            {
                ref HostPage p = ref host[page];
                count += p.State == PageState.Present && host.References(p.Frame) > 1 ? 1 : 0;
            }

            return count;
        }
    }

    public override int FrameForReads(int page)
    {
        ref HostPage p = ref host[first + page];
        return p.State == PageState.Present && !p.IsSampled ? host.RamPage(p.Frame) : Away;
    }

    public override int FrameForWrites(int page)
    {
        ref HostPage p = ref host[first + page];
        return p.State == PageState.Present && !p.IsSampled && !host.IsShared(p.Frame) ? host.RamPage(p.Frame) : Away;
    }

    public override FrameFault Resolve(int page, bool write) => host.Resolve(first + page, write);

    public override int PageOf(int frame)
    {
        int page = host.PageIn(frame) - first;
        return page >= 0 && page < pages ? page : -1;
    }

    public override ReadOnlySpan<byte> Peek(int page) => host.Peek(first + page);

    internal void Tell(int page, bool lost) => Notify(page - first, lost);

    internal void TellLost(int ramPage, bool stays) => FrameLost?.Invoke(ramPage, stays);

    internal void NoteSampled() => SamplesTouched++;

    internal void BeginSamples() => SamplesTouched = 0;

    internal void Clear()
    {
        Present = 0;
        Swapped = 0;
        Ballooned = 0;
    }
}
