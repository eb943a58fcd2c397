using System.Buffers.Binary;

namespace Harness.Hardware.Vmx;

/// <summary>MSR lists and PDPTEs, which VM entries and VM exits take from memory (SDM Vol. 3C, 24.7.2, 26.4, 27.4, 27.6).</summary>
public sealed partial class VmxUnit
{
    private const int MsrEntrySize = 16;
    private const uint Ia32SmmMonitorCtl = 0x9B;
    private const uint Ia32FsBase = 0xC0000100;
    private const uint Ia32GsBase = 0xC0000101;

    /// <summary>Bits of a present PDPTE that must be zero below the physical-address width (SDM Vol. 3A, Table 4-8).</summary>
    private const ulong PdpteReserved = 0x1E6;

    private static bool UsesPdptes(uint cr0, uint cr4) => (cr0 & Cr0.PG) != 0 && (cr4 & Cr4.PAE) != 0;

    /// <summary>Loads MSRs as WRMSR would; 0, or the number from 1 of the entry that failed.</summary>
    private uint LoadMsrs(ulong address, uint count)
    {
        Span<byte> entry = stackalloc byte[MsrEntrySize];
        for (uint number = 1; number <= count; number++, address += MsrEntrySize)
        {
            _processor.Memory.Read(new PhysicalAddress(address), entry);
            uint index = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            uint reserved = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
            bool allowed = reserved == 0 && index is not (Ia32FsBase or Ia32GsBase or Ia32SmmMonitorCtl);
            if (!allowed || !_processor.Port.WriteMsr(index, BinaryPrimitives.ReadUInt64LittleEndian(entry[8..])))
            {
                return number;
            }
        }

        return 0;
    }

    /// <summary>Stores MSRs as RDMSR reads them. False: an entry cannot be processed.</summary>
    private bool StoreMsrs(ulong address, uint count)
    {
        Span<byte> entry = stackalloc byte[MsrEntrySize];
        for (uint i = 0; i < count; i++, address += MsrEntrySize)
        {
            _processor.Memory.Read(new PhysicalAddress(address), entry);
            uint index = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]) != 0 || !_processor.Port.ReadMsr(index, out ulong value))
            {
                return false;
            }

            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], value);
            _processor.Memory.Write(new PhysicalAddress(address + 8), entry[8..]);
        }

        return true;
    }

    /// <summary>Loads the PDPTE registers; false, with none changed, where a present one has a reserved bit.</summary>
    private bool LoadPdptes(uint cr3)
    {
        Span<ulong> entries = stackalloc ulong[4];
        if (!ReadPdptes(_processor.Memory, Capabilities, cr3, entries))
        {
            return false;
        }

        ref SystemRegisters system = ref _processor.State.System;
        system.Pdpte0 = entries[0];
        system.Pdpte1 = entries[1];
        system.Pdpte2 = entries[2];
        system.Pdpte3 = entries[3];
        return true;
    }

    internal static bool ReadPdptes(PhysicalMemory memory, VmxCapabilities capabilities, uint cr3, Span<ulong> entries)
    {
        memory.Read(new PhysicalAddress(cr3 & ~31u), System.Runtime.InteropServices.MemoryMarshal.AsBytes(entries));
        ulong reserved = PdpteReserved | ulong.MaxValue << capabilities.PhysicalAddressBits;
        foreach (ulong entry in entries)
        {
            if ((entry & PageEntry.P) != 0 && (entry & reserved) != 0)
            {
                return false;
            }
        }

        return true;
    }
}
