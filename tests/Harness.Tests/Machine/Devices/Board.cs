using Harness.Machine.Devices;

namespace Harness.Tests.Machine.Devices;

/// <summary>A platform under test with what most tests do to it.</summary>
internal sealed class Board
{
    /// <summary>So that a PIT clock takes eight to nine ticks.</summary>
    public const ulong TicksPerSecond = 10_000_000;

    public Board() : this(options => options)
    {
    }

    public Board(Func<PlatformOptions, PlatformOptions> change)
    {
        Platform = new Platform(change(new PlatformOptions { RamBytes = 16 << 20, TicksPerSecond = TicksPerSecond }), Memory);
    }

    public FakeMemoryMap Memory { get; } = new();

    public Platform Platform { get; }

    public byte In(ushort port) => (byte)Platform.In(port, 1);

    public void Out(ushort port, params byte[] values)
    {
        foreach (var value in values)
        {
            Platform.Out(port, 1, value);
        }
    }

    public uint Pci(int function, int register, int size)
    {
        Platform.Out(0xCF8, 4, 0x8000_0000u | (uint)function << 8 | (uint)(register & ~3));
        return Platform.In((ushort)(0xCFC + (register & 3)), size);
    }

    public void SetPci(int function, int register, int size, uint value)
    {
        Platform.Out(0xCF8, 4, 0x8000_0000u | (uint)function << 8 | (uint)(register & ~3));
        Platform.Out((ushort)(0xCFC + (register & 3)), size, value);
    }

    /// <summary>Initializes both controllers as PC firmware does, vectors 20h and 28h, and masks all but the given requests.</summary>
    public void InitializePic(ushort enabled)
    {
        Out(0x20, 0x11);
        Out(0x21, 0x20, 0x04, 0x01, (byte)~(enabled | 0x04));
        Out(0xA0, 0x11);
        Out(0xA1, 0x28, 0x02, 0x01, (byte)~(enabled >> 8));
    }

    /// <summary>Lets time pass, deadline by deadline, until the processor would be interrupted; the tick.</summary>
    public long UntilInterrupt()
    {
        while (!Platform.InterruptPending && Platform.NextDeadline != long.MaxValue)
        {
            Platform.AdvanceTo(Platform.NextDeadline);
        }

        return Platform.Now;
    }

    public void Pass(long ticks) => Platform.AdvanceTo(Platform.Now + ticks);
}
