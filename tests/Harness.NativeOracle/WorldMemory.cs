namespace Harness.NativeOracle;

/// <summary>Writes bytes at a linear address of the world that a runner executes in.</summary>
/// <param name="address">Linear address; the bytes lie in one region.</param>
/// <param name="bytes">The bytes.</param>
public delegate void WorldWriter(uint address, ReadOnlySpan<byte> bytes);

/// <summary>What a runner's pages should hold: sets up a case over what the one before left, and finds what an instruction changed.</summary>
public sealed class WorldMemory
{
    private const int LongestInstruction = 15;

    private readonly WorldWriter _write;
    private readonly Region[] _regions = [.. World.Regions.Where(r => r.Permission == PagePermission.ReadWrite)];
    private readonly byte[] _background;
    private readonly byte[] _expected;
    private readonly byte[] _filler = [.. Enumerable.Repeat(World.Filler, LongestInstruction)];
    private readonly List<(uint Address, int Length)> _dirty = [];

    /// <summary>Tracks pages that hold the world's first contents.</summary>
    /// <param name="write">How to change them.</param>
    public WorldMemory(WorldWriter write)
    {
        _write = write;
        _background = [.. _regions.SelectMany(World.Content)];
        _expected = [.. _background];
    }

    /// <summary>The writable regions, in ascending order.</summary>
    public IReadOnlyList<Region> Regions => _regions;

    /// <summary>Bytes of all writable regions together.</summary>
    public int Size => _background.Length;

    /// <summary>Undoes the last case and writes code and memory of this one.</summary>
    /// <param name="test">The case.</param>
    /// <exception cref="ArgumentException">The case sets memory outside the writable pages.</exception>
    public void SetUp(Case test)
    {
        foreach ((uint address, int length) in _dirty)
        {
            if (address - World.CodeBase < World.PageSize)
            {
                _write(address, _filler.AsSpan(0, length));
            }
            else
            {
                int index = Index(address);
                ReadOnlySpan<byte> original = _background.AsSpan(index, length);
                original.CopyTo(_expected.AsSpan(index));
                _write(address, original);
            }
        }

        _dirty.Clear();
        int inPage = (int)Math.Min((uint)test.Code.Length, World.CodeBase + World.PageSize - test.CodeAddress);
        _write(test.CodeAddress, test.Code.AsSpan(0, inPage));
        _dirty.Add((test.CodeAddress, inPage));
        foreach (MemoryBytes patch in test.Memory)
        {
            patch.Bytes.CopyTo(_expected, Index(patch.Address));
            _write(patch.Address, patch.Bytes);
            _dirty.Add((patch.Address, patch.Bytes.Length));
        }
    }

    /// <summary>What differs from the state that <see cref="SetUp"/> left.</summary>
    /// <param name="found">The writable regions, one behind the other.</param>
    public List<MemoryBytes> Changes(ReadOnlySpan<byte> found)
    {
        var changes = new List<MemoryBytes>();
        int start = 0;
        foreach (Region region in _regions)
        {
            int size = (int)region.Size;
            Collect(region.Address, _expected.AsSpan(start, size), found.Slice(start, size), changes);
            start += size;
        }

        foreach (MemoryBytes change in changes)
        {
            _dirty.Add((change.Address, change.Bytes.Length));
        }

        return changes;
    }

    private static void Collect(uint address, ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, List<MemoryBytes> changes)
    {
        int position = 0;
        while (true)
        {
            position += before[position..].CommonPrefixLength(after[position..]);
            if (position == before.Length)
            {
                return;
            }

            int end = position + 1;
            while (end < before.Length && before[end] != after[end])
            {
                end++;
            }

            changes.Add(new MemoryBytes(address + (uint)position, after[position..end].ToArray()));
            position = end;
        }
    }

    private int Index(uint address)
    {
        int start = 0;
        foreach (Region region in _regions)
        {
            if (address - region.Address < region.Size)
            {
                return start + (int)(address - region.Address);
            }

            start += (int)region.Size;
        }

        throw new ArgumentException($"a case sets memory at {address:X8}h, which is not in a writable page", nameof(address));
    }
}
