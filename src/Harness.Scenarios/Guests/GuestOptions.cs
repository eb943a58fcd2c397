namespace Harness.Scenarios;

/// <summary>What a guest is built with beside its code.</summary>
public sealed record GuestOptions
{
    public string Name { get; init; } = "guest";

    /// <summary>A multiple of 64 KiB, at least 1 MiB.</summary>
    public long MemoryBytes { get; init; } = 1 << 20;

    /// <summary>Address of the first instruction; null: <see cref="GuestLayout.Code"/>, in real mode <see cref="GuestLayout.BootSector"/>.</summary>
    public uint? Origin { get; init; }

    public Flags Flags { get; init; } = Flags.Fixed;

    /// <summary>Bits of CR0 at the first instruction, beside PE and ET.</summary>
    public uint Cr0 { get; init; }

    public uint Cr4 { get; init; }
}
