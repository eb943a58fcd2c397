namespace Harness.Machine.Devices;

/// <summary>A device with memory-mapped registers or memory. Whatever the guest does, neither method throws.</summary>
public interface IMemoryDevice
{
    /// <summary>Reads <paramref name="size"/> bytes (1, 2, 4 or 8) at an offset into the mapped range; unused high bits are zero.</summary>
    ulong Read(ulong offset, int size);

    /// <summary>Writes <paramref name="size"/> bytes (1, 2, 4 or 8) at an offset into the mapped range.</summary>
    void Write(ulong offset, int size, ulong value);
}
