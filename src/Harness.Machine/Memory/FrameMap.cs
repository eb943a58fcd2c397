namespace Harness.Machine;

/// <summary>Why a touch of a guest's RAM had to wait for the host.</summary>
public enum FrameFault
{
    /// <summary>It had not: the page was there.</summary>
    None,

    /// <summary>The page had never been touched; now it is a page of zeros.</summary>
    Untouched,

    /// <summary>The guest had given the page away by its balloon driver; now it is a page of zeros.</summary>
    Ballooned,

    /// <summary>The page lay in the host's swap space.</summary>
    Swapped,

    /// <summary>A write to a page whose frame others have too: it is the guest's own now.</summary>
    Shared,

    /// <summary>The host wanted to know whether the page is in use.</summary>
    Sampled,
}

/// <summary>
/// Which page of <see cref="Ram"/> is behind each page of a guest's RAM, as a host decides that has fewer frames than its guests have pages. Both are numbers of
/// 4 KiB pages. A page may have no frame, or one that must not be written; who touches it then has it resolved first.
/// </summary>
public abstract class FrameMap
{
    /// <summary>There is no frame before the page has been resolved.</summary>
    public const int Away = -2;

    /// <summary>Told of a page whose frame, or the right to write to it, has changed. True: something that could be done before must not be done any more.</summary>
    public event Action<int, bool>? Changed;

    /// <summary>Pages of the guest's RAM.</summary>
    public abstract int Pages { get; }

    /// <summary>Where reads of a page go, or <see cref="Away"/>.</summary>
    public abstract int FrameForReads(int page);

    /// <summary>Where writes to a page go, or <see cref="Away"/>.</summary>
    public abstract int FrameForWrites(int page);

    /// <summary>Lets a page be read, or written; afterwards there is a frame for it. The result says what was in the way.</summary>
    public abstract FrameFault Resolve(int page, bool write);

    /// <summary>The page of the guest's RAM that alone has a frame, or -1.</summary>
    public abstract int PageOf(int frame);

    /// <summary>A page's bytes, wherever they are; nothing changes by it.</summary>
    public abstract ReadOnlySpan<byte> Peek(int page);

    protected void Notify(int page, bool lost) => Changed?.Invoke(page, lost);
}
