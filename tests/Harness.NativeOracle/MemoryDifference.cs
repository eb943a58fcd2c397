namespace Harness.NativeOracle;

/// <summary>Compares two states of a region.</summary>
public static class MemoryDifference
{
    /// <summary>Appends every run of bytes that differ.</summary>
    /// <param name="address">Linear address of the first byte.</param>
    /// <param name="before">The bytes before.</param>
    /// <param name="after">As many bytes after.</param>
    /// <param name="changes">Receives the runs in ascending order, with the bytes after.</param>
    public static void Collect(uint address, ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, List<MemoryBytes> changes)
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
}
