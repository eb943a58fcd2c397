namespace Harness.Machine.Devices;

/// <summary>Bytes that reach an input device from outside, not before a tick.</summary>
/// <param name="Tick">The earliest guest tick.</param>
/// <param name="Data">The bytes: characters for the serial line, scan codes of set 2 for the keyboard (see <see cref="KeyboardText"/>).</param>
public readonly record struct TimedInput(long Tick, ReadOnlyMemory<byte> Data);
