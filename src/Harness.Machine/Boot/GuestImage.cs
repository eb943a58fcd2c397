using System.Security.Cryptography;

namespace Harness.Machine;

/// <summary>The state in which a guest starts.</summary>
public enum EntryMode
{
    /// <summary>The reset vector F000:FFF0, firmware mapped there.</summary>
    Reset,

    /// <summary>Real-address mode at CS:IP.</summary>
    Real,

    /// <summary>Protected mode without paging unless <see cref="GuestEntry.Cr3"/> is given; every segment register is loaded from the guest's own GDT.</summary>
    Protected,
}

/// <summary>Bytes at a guest-physical address.</summary>
public readonly record struct GuestBytes(PhysicalAddress Address, ReadOnlyMemory<byte> Bytes);

/// <summary>A named range of code, [Start, End), in linear addresses: events are attributed to it.</summary>
public readonly record struct GuestMark(string Name, LinearAddress Start, LinearAddress End);

/// <summary>Bytes that are instructions, for disassembly. <paramref name="Bits"/> is the code size, 16 or 32.</summary>
public readonly record struct GuestCode(LinearAddress Linear, PhysicalAddress Physical, int Length, int Bits);

/// <summary>Registers at the guest's first instruction. What is not given is as after RESET.</summary>
public sealed record GuestEntry
{
    public required EntryMode Mode { get; init; }

    /// <summary>Real: the segment. Protected: a selector of the GDT at <see cref="GdtBase"/>; its RPL is the CPL.</summary>
    public ushort Cs { get; init; }
    public uint Eip { get; init; }

    /// <summary>SS, and in protected mode DS, ES, FS and GS too.</summary>
    public ushort Data { get; init; }
    public uint Esp { get; init; }
    public uint Eflags { get; init; } = Isa.Eflags.Fixed;
    public uint GdtBase { get; init; }
    public ushort GdtLimit { get; init; }
    public uint IdtBase { get; init; }
    public ushort IdtLimit { get; init; }
    public ushort Ldtr { get; init; }
    public ushort Tr { get; init; }

    /// <summary>Beside PE and ET.</summary>
    public uint Cr0 { get; init; }
    public uint Cr3 { get; init; }
    public uint Cr4 { get; init; }
}

/// <summary>A guest: bytes in memory, a state to start in, and names for its parts. It says nothing about who runs it.</summary>
public sealed class GuestImage
{
    private string? _digest;

    public required string Name { get; init; }

    /// <summary>Guest-physical memory, a multiple of 4 KiB.</summary>
    public required long MemoryBytes { get; init; }

    public required IReadOnlyList<GuestBytes> Contents { get; init; }

    public required GuestEntry Entry { get; init; }

    public IReadOnlyList<GuestMark> Marks { get; init; } = [];

    /// <summary>In ascending order of linear, then physical address; empty when nothing is known about the bytes.</summary>
    public IReadOnlyList<GuestCode> Code { get; init; } = [];

    /// <summary>The same guest built against hypercalls; null where <see cref="NotParavirtual"/> says why there is none.</summary>
    public GuestImage? Paravirtual { get; init; }

    /// <summary>Why there is no image against hypercalls.</summary>
    public string NotParavirtual { get; init; } = "the guest has no image that is built against hypercalls";

    /// <summary>Lower-case hexadecimal SHA-256 over addresses, contents and entry state.</summary>
    public string Digest => _digest ??= ComputeDigest();

    /// <summary>Of all contents together.</summary>
    public long Bytes => Contents.Sum(c => (long)c.Bytes.Length);

    private string ComputeDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{MemoryBytes};{Entry}"));
        Span<byte> address = stackalloc byte[16];
        foreach (GuestBytes part in Contents)
        {
            BitConverter.TryWriteBytes(address, part.Address.Value);
            BitConverter.TryWriteBytes(address[8..], (long)part.Bytes.Length);
            hash.AppendData(address);
            hash.AppendData(part.Bytes.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
