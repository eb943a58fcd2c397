namespace Harness.Machine;

/// <summary>Somebody who keeps code decoded from memory.</summary>
internal interface ICodeKeeper
{
    /// <summary>A page holds decoded code from now on: writes to it must be seen.</summary>
    void PageHoldsCode();

    /// <summary>Decoded bytes of this page were written.</summary>
    void CodeWritten(int page);
}

/// <summary>
/// The bytes behind one or more physical address spaces: a host's memory, which its guests' memory is part of. Pages are 4 KiB; ROM images lie behind the
/// memory proper. Which 64-byte lines hold decoded code is kept here, because every address space over the bytes has to respect it.
/// </summary>
public sealed unsafe class Ram : IDisposable
{
    public const int PageSize = 4096;
    private const int LineShift = 6;

    /// <summary>
    /// A block of more than 32 MiB the C library always takes from the system (mallopt(3), M_MMAP_THRESHOLD), whose pages are zero and cost nothing until they are
    /// touched; a smaller one it takes from what another machine has just given back, and writes all of it.
    /// </summary>
    private const long MappedAlone = (32 << 20) + PageSize;

    /// <summary>So many blocks of machines that are no more are kept for the next, ...</summary>
    private const int MostKept = 8;

    /// <summary>... of at most so many bytes each: most machines are small and short-lived, and the system takes a page fault for each page of a new block.</summary>
    private const long LargestKept = 16 << 20;
    private static readonly List<(long Bytes, nint Block)> Kept = [];
    private readonly List<ICodeKeeper> _keepers = [];
    private readonly bool[] _written;
    private ulong[] _codeLines;
    private byte* _bytes;
    private long _romEnd;

    /// <summary><paramref name="bytes"/> of memory and room for <paramref name="romBytes"/> of read-only images, each rounded up to whole pages and zero.</summary>
    public Ram(long bytes, long romBytes = 0)
    {
        Bytes = RoundUp(bytes);
        TotalBytes = Bytes + RoundUp(romBytes);
        _codeLines = new ulong[TotalBytes / PageSize];
        _written = new bool[TotalBytes / PageSize];

        // Last: an object without it has nothing to give back.
        _bytes = Take(TotalBytes);
        _romEnd = Bytes;
    }

    ~Ram() => Free();

    public long Bytes { get; }

    public long TotalBytes { get; }

    internal byte* Pointer(int page) => _bytes + (long)page * PageSize;

    /// <summary>As <see cref="Pointer"/>, for whoever may write there.</summary>
    internal byte* PointerToWrite(int page)
    {
        _written[page] = true;
        return Pointer(page);
    }

    /// <summary>Whether a page holds nothing but zeros because nobody could have written to it: to look would be to touch it.</summary>
    public bool IsUntouched(int page) => !_written[page];

    /// <summary>The bytes from <paramref name="offset"/> on, for reading; the caller keeps this object alive.</summary>
    public ReadOnlySpan<byte> Read(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset + (ulong)length, (ulong)TotalBytes);
        return new ReadOnlySpan<byte>(_bytes + offset, length);
    }

    /// <summary>Writes and drops code decoded from there.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset + (ulong)data.Length, (ulong)TotalBytes);
        data.CopyTo(new Span<byte>(_bytes + offset, data.Length));
        for (long at = offset; at < offset + data.Length;)
        {
            int page = (int)(at / PageSize);
            long end = Math.Min(offset + data.Length, (page + 1L) * PageSize);
            _written[page] = true;
            NoteWrite(page, (int)(at % PageSize), (int)(end - at));
            at = end;
        }
    }

    /// <summary>Copies an image behind the memory proper, on a page boundary, and gives its offset.</summary>
    /// <exception cref="InvalidOperationException">There is no room left for it.</exception>
    internal long AddRom(ReadOnlySpan<byte> image)
    {
        long start = _romEnd;
        _romEnd += RoundUp(image.Length);
        if (_romEnd > TotalBytes)
        {
            throw new InvalidOperationException($"There is room for {TotalBytes - Bytes} bytes of ROM images; another {image.Length} bytes do not fit.");
        }

        Write(start, image);
        return start;
    }

    internal void Attach(ICodeKeeper keeper) => _keepers.Add(keeper);

    internal void Detach(ICodeKeeper keeper) => _keepers.Remove(keeper);

    internal bool HoldsCode(int page) => _codeLines[page] != 0;

    internal void NoteCode(int page, int offset, int length)
    {
        bool first = _codeLines[page] == 0;
        _codeLines[page] |= Lines(offset, length);
        if (first)
        {
            foreach (ICodeKeeper keeper in _keepers)
            {
                keeper.PageHoldsCode();
            }
        }
    }

    /// <summary>Call after every write that did not go through a write tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void NoteWrite(int page, int offset, int length)
    {
        ulong lines = _codeLines[page];
        if (lines != 0 && (lines & Lines(offset, length)) != 0)
        {
            DropCode(page);
        }
    }

    /// <summary>Drops what was decoded from a page, because the page is about to be another's.</summary>
    public void Forget(int page)
    {
        if (_codeLines[page] != 0)
        {
            DropCode(page);
        }
    }

    private void DropCode(int page)
    {
        _codeLines[page] = 0;
        foreach (ICodeKeeper keeper in _keepers)
        {
            keeper.CodeWritten(page);
        }
    }

    private static ulong Lines(int offset, int length)
    {
        int first = offset >> LineShift;
        int last = Math.Min(offset + length - 1, PageSize - 1) >> LineShift;
        return (ulong.MaxValue >> (63 - (last - first))) << first;
    }

    private static long RoundUp(long bytes) => (bytes + PageSize - 1) / PageSize * PageSize;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static byte* Take(long bytes)
    {
        lock (Kept)
        {
            int found = Kept.FindLastIndex(kept => kept.Bytes == bytes);
            if (found >= 0)
            {
                nint block = Kept[found].Block;
                Kept.RemoveAt(found);
                return (byte*)block;
            }
        }

        return (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(bytes + 16, MappedAlone));
    }

    private void Free()
    {
        if (_bytes == null)
        {
            return;
        }

        // Taken from this object first: what somebody else may have from now on is nobody's here.
        nint freed = (nint)_bytes;
        _bytes = null;
        _codeLines = [];
        if (TotalBytes <= LargestKept)
        {
            for (int page = 0; page < _written.Length; page++)
            {
                if (_written[page])
                {
                    NativeMemory.Clear((byte*)freed + (long)page * PageSize, PageSize);
                }
            }

            lock (Kept)
            {
                Kept.Add((TotalBytes, freed));
                freed = Kept.Count > MostKept ? Kept[0].Block : 0;
                if (freed != 0)
                {
                    Kept.RemoveAt(0);
                }
            }
        }

        NativeMemory.Free((void*)freed);
    }
}
