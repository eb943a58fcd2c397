namespace Harness.Machine.Devices;

/// <summary>
/// How long devices take, in guest ticks. They are constants and not derived from a bus or a line rate: what matters is that every delay is
/// at least one tick and the same under every engine.
/// </summary>
internal static class Latency
{
    /// <summary>From an ATA command or a software reset to the first block or to completion.</summary>
    public const long DiskCommand = 500;

    /// <summary>From the end of one ATA data block to the next.</summary>
    public const long DiskBlock = 100;

    /// <summary>From ringing the doorbell of a ring to the device's looking at it.</summary>
    public const long RingFetch = 20;

    /// <summary>From writing the UART's transmitter holding register to its being empty.</summary>
    public const long SerialTransmit = 20;

    /// <summary>Between two bytes that the UART receives.</summary>
    public const long SerialReceive = 100;

    /// <summary>From the last byte received to the character time-out interrupt (four character times).</summary>
    public const long SerialTimeout = 4 * SerialReceive;

    /// <summary>From an answer's or key's being ready to its appearing in the keyboard controller's output buffer.</summary>
    public const long KeyboardByte = 200;

    /// <summary>Between two scripted key strokes.</summary>
    public const long KeyStroke = 20_000;
}
