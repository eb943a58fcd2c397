namespace Harness.Machine.Devices;

/// <summary>A file that the firmware finds in fw_cfg.</summary>
/// <param name="Name">Path of 1 to 55 ASCII characters, such as "vgaroms/vgabios.bin" or "bootorder".</param>
/// <param name="Data">Contents.</param>
public readonly record struct FirmwareFile(string Name, ReadOnlyMemory<byte> Data);
