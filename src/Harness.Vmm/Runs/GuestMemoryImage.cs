using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Harness.Vmm;

/// <summary>A guest's RAM after its run, by guest-physical address, whatever the chipset maps over it. Pages of zeros take no room.</summary>
public sealed class GuestMemoryImage
{
    private readonly byte[]?[] _pages;

    internal GuestMemoryImage(Ram ram, long start, long length) : this(
        (int)(length / Ram.PageSize), i => ram.IsUntouched((int)(start / Ram.PageSize) + i) ? [] : ram.Read(start + (long)i * Ram.PageSize, Ram.PageSize))
    {
    }

    internal GuestMemoryImage(FrameMap frames) : this(frames.Pages, frames.Peek)
    {
    }

    private GuestMemoryImage(int pages, PageReader read)
    {
        Length = (long)pages * Ram.PageSize;
        _pages = new byte[]?[pages];
        for (int i = 0; i < pages; i++)
        {
            ReadOnlySpan<byte> page = read(i);
            _pages[i] = page.ContainsAnyExcept((byte)0) ? page.ToArray() : null;
        }
    }

    private delegate ReadOnlySpan<byte> PageReader(int page);

    /// <summary>In bytes, a multiple of 4 KiB.</summary>
    public long Length { get; }

    /// <exception cref="ArgumentOutOfRangeException">The range is not RAM.</exception>
    public void Read(GuestPhysicalAddress address, Span<byte> data)
    {
        if (address.Value > (ulong)Length || (ulong)data.Length > (ulong)Length - address.Value)
        {
            throw new ArgumentOutOfRangeException(nameof(address), $"The guest has {Length:X} bytes of memory; {data.Length} at {address} are not among them.");
        }

        for (int done = 0; done < data.Length;)
        {
            ulong at = address.Value + (ulong)done;
            int offset = (int)(at % Ram.PageSize);
            int count = Math.Min(data.Length - done, Ram.PageSize - offset);
            byte[]? page = _pages[at / Ram.PageSize];
            Span<byte> target = data.Slice(done, count);
            if (page is null)
            {
                target.Clear();
            }
            else
            {
                page.AsSpan(offset, count).CopyTo(target);
            }

            done += count;
        }
    }

    public byte ReadByte(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[1];
        Read(address, raw);
        return raw[0];
    }

    public ushort ReadUInt16(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[2];
        Read(address, raw);
        return BinaryPrimitives.ReadUInt16LittleEndian(raw);
    }

    public uint ReadUInt32(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[4];
        Read(address, raw);
        return BinaryPrimitives.ReadUInt32LittleEndian(raw);
    }

    public ulong ReadUInt64(GuestPhysicalAddress address)
    {
        Span<byte> raw = stackalloc byte[8];
        Read(address, raw);
        return BinaryPrimitives.ReadUInt64LittleEndian(raw);
    }

    /// <summary>The lowest address at which the two differ, or null.</summary>
    public GuestPhysicalAddress? FirstDifference(GuestMemoryImage other)
    {
        Span<byte> mine = stackalloc byte[Ram.PageSize];
        Span<byte> theirs = stackalloc byte[Ram.PageSize];
        for (long at = 0; at < Math.Min(Length, other.Length); at += Ram.PageSize)
        {
            if (_pages[at / Ram.PageSize] is null && other._pages[at / Ram.PageSize] is null)
            {
                continue;
            }

            var address = new GuestPhysicalAddress((ulong)at);
            Read(address, mine);
            other.Read(address, theirs);
            int equal = mine.CommonPrefixLength(theirs);
            if (equal < Ram.PageSize)
            {
                return address + (ulong)equal;
            }
        }

        return Length == other.Length ? null : new GuestPhysicalAddress((ulong)Math.Min(Length, other.Length));
    }

    internal void AppendTo(IncrementalHash hash)
    {
        Span<byte> index = stackalloc byte[4];
        for (int i = 0; i < _pages.Length; i++)
        {
            if (_pages[i] is { } page)
            {
                BinaryPrimitives.WriteInt32LittleEndian(index, i);
                hash.AppendData(index);
                hash.AppendData(page);
            }
        }
    }
}
