namespace Harness.Engines;

/// <summary>
/// The linear space that shadow page tables cover, where they lie in host memory, and their format: two levels of 4-byte entries, or those of PAE paging with
/// execute-disable (SDM Vol. 3A, 4.3 and 4.4), whatever the guest's own are.
/// </summary>
/// <param name="End">First linear address that is not the guest's, a multiple of 4 MiB.</param>
/// <param name="Directory">
/// Host-physical address of the page directory, under PAE of the first of four that follow each other; entries from <paramref name="End"/> on are the monitor's.
/// </param>
/// <param name="TablesEnd">First host-physical address behind the room for page tables, which begins at <see cref="FirstTable"/>.</param>
/// <param name="IsUser">Every page is open to ring 3, where the guest's kernel runs too.</param>
/// <param name="IsPae">The format of PAE paging. The processor needs <see cref="Feature.Nx"/> for it.</param>
/// <param name="HasLarge">Directory entries may map large pages of the guest. Without PAE the processor needs <see cref="Feature.Pse"/> for it.</param>
internal sealed record ShadowSpace(ulong End, uint Directory, long TablesEnd, bool IsUser, bool IsPae, bool HasLarge = false)
{
    public const uint PageSize = 0x1000;
    private const int Directories = 4;

    /// <summary>The value for CR3: the directory, or the page-directory-pointer table behind the four.</summary>
    public uint Root => IsPae ? Directory + Directories * PageSize : Directory;

    /// <summary>Frames of one address space beside its page tables.</summary>
    public int RootFrames => IsPae ? Directories + 1 : 1;

    public uint FirstTable => Root + PageSize;

    /// <summary>A page table, or a large entry of a directory, maps 2 to this power bytes.</summary>
    public int TableShift => IsPae ? 21 : 22;

    /// <summary>What CR4 needs for the format.</summary>
    public uint Cr4 => IsPae ? Isa.Cr4.PAE : HasLarge ? Isa.Cr4.PSE : 0;

    private uint EntrySize => IsPae ? 8u : 4u;

    /// <summary>So many of the same kind, one behind the other, of which this is the first.</summary>
    public ShadowSpace[] Repeat(int count)
    {
        var spaces = new ShadowSpace[count];
        spaces[0] = this;
        for (int i = 1; i < count; i++)
        {
            spaces[i] = this with { Directory = spaces[i - 1].FirstTable };
        }

        return spaces;
    }

    /// <summary>Lets the processor use the format, with paging still off, and builds what never changes.</summary>
    public void Install(IHost host)
    {
        if (!IsPae)
        {
            return;
        }

        host.WriteMsr(Msr.IA32_EFER, Efer.NXE);
        for (uint i = 0; i < Directories; i++)
        {
            host.Memory.WriteUInt64(new HostPhysicalAddress(Root + i * 8), (Directory + i * PageSize) | PageEntry.P);
        }
    }

    /// <summary>Fills the directory entry that covers a linear address.</summary>
    public void WriteDirectory(IHostMemory memory, uint linear, ulong entry) => Write(memory, Directory, linear >> TableShift, entry);

    /// <summary>Fills the entry for a linear address in a page table, or in one of several that follow each other.</summary>
    public void WriteTable(IHostMemory memory, uint table, uint linear, ulong entry) => Write(memory, table, Index(linear), entry);

    /// <summary>The entry for a linear address in a page table, less <see cref="PageEntry.XD"/>.</summary>
    public uint ReadTable(IHostMemory memory, uint table, uint linear) => memory.ReadUInt32(new HostPhysicalAddress(table + Index(linear) * EntrySize));

    private uint Index(uint linear) => (linear & ((1u << TableShift) - 1)) / PageSize;

    private void Write(IHostMemory memory, uint structure, uint index, ulong entry)
    {
        var at = new HostPhysicalAddress(structure + index * EntrySize);
        if (IsPae)
        {
            memory.WriteUInt64(at, entry);
        }
        else
        {
            memory.WriteUInt32(at, (uint)entry);
        }
    }
}
