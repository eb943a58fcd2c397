using System.Buffers.Binary;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// A disk: an image that is never written, addressed by bytes, under an overlay of the pages that the guest wrote. What the image lacks to a whole sector
/// reads as zeros.
/// </summary>
public sealed class DiskImage : IDisposable
{
    /// <summary>Bytes of a sector.</summary>
    public const int SectorSize = 512;

    private const int PageSize = 4096;

    private readonly Stream _image;
    private readonly SortedDictionary<long, byte[]> _overlay = [];

    private DiskImage(Stream image)
    {
        _image = image;
        Sectors = (image.Length + SectorSize - 1) / SectorSize;
    }

    /// <summary>Size in sectors.</summary>
    public long Sectors { get; }

    /// <summary>An image in memory.</summary>
    public static DiskImage FromBytes(ReadOnlyMemory<byte> image) => new(new MemoryStream(image.ToArray(), writable: false));

    /// <summary>An image in a file, which must stay unchanged while the disk is in use.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static DiskImage Open(string path) => new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _image.Dispose();

    /// <summary>Reads whole sectors inside the disk.</summary>
    public void Read(long sector, Span<byte> target)
    {
        var offset = sector * SectorSize;
        while (!target.IsEmpty)
        {
            var start = (int)(offset % PageSize);
            var part = target[..Math.Min(target.Length, PageSize - start)];
            if (_overlay.TryGetValue(offset / PageSize, out var page))
            {
                page.AsSpan(start, part.Length).CopyTo(part);
            }
            else
            {
                ReadImage(offset, part);
            }

            offset += part.Length;
            target = target[part.Length..];
        }
    }

    /// <summary>Writes whole sectors inside the disk, to the overlay.</summary>
    public void Write(long sector, ReadOnlySpan<byte> source)
    {
        var offset = sector * SectorSize;
        while (!source.IsEmpty)
        {
            var start = (int)(offset % PageSize);
            var part = source[..Math.Min(source.Length, PageSize - start)];
            if (!_overlay.TryGetValue(offset / PageSize, out var page))
            {
                page = new byte[PageSize];
                ReadImage(offset - start, page);
                _overlay[offset / PageSize] = page;
            }

            part.CopyTo(page.AsSpan(start));
            offset += part.Length;
            source = source[part.Length..];
        }
    }

    internal void Visit(IStateVisitor visitor)
    {
        const int EntrySize = 8 + PageSize;
        var pages = new byte[_overlay.Count * EntrySize];
        var position = 0;
        foreach (var (index, page) in _overlay)
        {
            BinaryPrimitives.WriteInt64LittleEndian(pages.AsSpan(position), index);
            page.CopyTo(pages, position + 8);
            position += EntrySize;
        }

        visitor.Bytes("overlay", ref pages);
        _overlay.Clear();
        for (position = 0; position < pages.Length; position += EntrySize)
        {
            _overlay[BinaryPrimitives.ReadInt64LittleEndian(pages.AsSpan(position))] = pages.AsSpan(position + 8, PageSize).ToArray();
        }
    }

    private void ReadImage(long offset, Span<byte> target)
    {
        _image.Position = offset;
        var read = _image.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        target[read..].Clear();
    }
}
