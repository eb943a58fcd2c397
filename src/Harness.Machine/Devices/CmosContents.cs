namespace Harness.Machine.Devices;

/// <summary>What a set-up program leaves in CMOS RAM: memory sizes, disks and boot order, as PC firmware reads them.</summary>
internal static class CmosContents
{
    /// <summary>Fills the bytes that describe the machine; the clock's own registers are not touched.</summary>
    public static void Fill(byte[] ram, PlatformOptions options)
    {
        var memory = new MemoryLayout(options.RamBytes);
        var extendedKib = Math.Min(ushort.MaxValue, (memory.LowBytes >> 10) - 1024);
        SetWord(ram, 0x15, 640);
        SetWord(ram, 0x17, extendedKib);
        SetWord(ram, 0x30, extendedKib);
        SetWord(ram, 0x34, memory.LowBytes > 16 << 20 ? (memory.LowBytes - (16 << 20)) >> 16 : 0);
        SetWord(ram, 0x5B, memory.HighBytes >> 16);
        ram[0x5D] = (byte)(memory.HighBytes >> 32);

        ram[0x12] = (byte)((HasDisk(options, 0) ? 0xF0 : 0) | (HasDisk(options, 1) ? 0x0F : 0));
        ram[0x19] = (byte)(HasDisk(options, 0) ? 47 : 0);
        ram[0x1A] = (byte)(HasDisk(options, 1) ? 47 : 0);

        // Two bits for each disk: 1 asks for LBA translation, which a disk needs that INT 13h could not address by its own geometry.
        for (var i = 0; i < 4; i++)
        {
            if (HasDisk(options, i) && options.Disks[i]!.Sectors > 1024 * 16 * 63)
            {
                ram[0x39] |= (byte)(1 << (2 * i));
            }
        }

        // First boot device: hard disk; no check of a diskette's signature.
        ram[0x3D] = 0x02;
        ram[0x38] = 0x01;

        var sum = 0;
        for (var i = 0x10; i < 0x2E; i++)
        {
            sum += ram[i];
        }

        ram[0x2E] = (byte)(sum >> 8);
        ram[0x2F] = (byte)sum;
    }

    private static bool HasDisk(PlatformOptions options, int index) => index < options.Disks.Count && options.Disks[index] is not null;

    private static void SetWord(byte[] ram, int index, ulong value)
    {
        ram[index] = (byte)value;
        ram[index + 1] = (byte)(value >> 8);
    }
}
