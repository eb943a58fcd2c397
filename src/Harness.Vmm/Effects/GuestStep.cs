using System.Globalization;

namespace Harness.Vmm;

/// <summary>An exception or interrupt that the guest sees.</summary>
/// <param name="Vector">0 to 255.</param>
/// <param name="Kind">What raised it.</param>
/// <param name="ErrorCode">As pushed, or null.</param>
/// <param name="Address">Linear address that its frame points to.</param>
/// <param name="Cpl">Of the interrupted program.</param>
/// <param name="Tick">Guest tick.</param>
public readonly record struct Delivery(byte Vector, EventKind Kind, uint? ErrorCode, LinearAddress Address, int Cpl, long Tick)
{
    /// <summary>An exception rather than an interrupt.</summary>
    public bool IsException => IsExceptionKind(Kind);

    internal static bool IsExceptionKind(EventKind kind) => kind is EventKind.Fault or EventKind.Trap;

    /// <summary>"#GP(0008)", "#UD", "interrupt 20".</summary>
    public override string ToString() => !IsException
        ? string.Create(CultureInfo.InvariantCulture, $"{(Kind == EventKind.Nmi ? "NMI" : "interrupt")} {Vector:X2}")
        : ErrorCode is { } code ? string.Create(CultureInfo.InvariantCulture, $"{Vectors.Name(Vector)}({code:X4})") : Vectors.Name(Vector);
}

/// <summary>A byte of guest memory, or of a device in the memory space, that was given another value.</summary>
public readonly record struct MemoryEffect(GuestPhysicalAddress Address, byte Value);

/// <summary>An access to a port; <paramref name="Size"/> in bytes.</summary>
public readonly record struct PortEffect(ushort Port, int Size, uint Value, bool Write);

/// <summary>All that the guest can see of one instruction, an iteration under REP, or a delivery that another delivery follows.</summary>
public sealed record GuestStep
{
    /// <summary>Its number in the run, from 1.</summary>
    public required long Index { get; init; }

    /// <summary>The guest clock after it.</summary>
    public required long Tick { get; init; }

    /// <summary>Linear address of the instruction.</summary>
    public required LinearAddress Address { get; init; }

    /// <summary>As <see cref="InstructionFormat"/> writes it; empty if no instruction retired.</summary>
    public required string Instruction { get; init; }

    /// <summary>After it, as the guest sees them.</summary>
    public required GuestRegisters Registers { get; init; }

    /// <summary>What was delivered before it.</summary>
    public required IReadOnlyList<Delivery> Deliveries { get; init; }

    /// <summary>In ascending order of addresses.</summary>
    public required IReadOnlyList<MemoryEffect> Memory { get; init; }

    public required IReadOnlyList<PortEffect> Ports { get; init; }

    /// <summary>The host's processor executed the instruction; else the monitor emulated it.</summary>
    public bool IsDirect { get; init; }

    /// <summary>Of all that is compared.</summary>
    internal ulong Hash { get; init; }
}
