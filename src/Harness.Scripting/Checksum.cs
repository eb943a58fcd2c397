namespace Harness.Scripting;

/// <summary>FNV-1a, 64 bits: finds damage and spreads names; whoever needs certainty compares the text itself.</summary>
internal static class Checksum
{
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        var hash = 14695981039346656037UL;
        foreach (var value in bytes)
        {
            hash = (hash ^ value) * 1099511628211UL;
        }

        return hash;
    }
}
