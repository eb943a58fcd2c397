namespace Harness.Machine.Devices;

/// <summary>Which direction of access a mapping answers.</summary>
[Flags]
public enum MapSide
{
    /// <summary>Reads and instruction fetches.</summary>
    Read = 1,

    /// <summary>Writes.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    Both = Read | Write,
}
