namespace Harness.Machine.Devices;

/// <summary>A device with I/O ports. Whatever the guest does, neither method throws.</summary>
public interface IPortDevice
{
    /// <summary>Reads <paramref name="size"/> bytes (1, 2 or 4); the unused high bits of the result are zero.</summary>
    uint In(ushort port, int size);

    /// <summary>Writes <paramref name="size"/> bytes (1, 2 or 4); the unused high bits of the value are zero.</summary>
    void Out(ushort port, int size, uint value);
}
