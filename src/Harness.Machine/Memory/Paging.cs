namespace Harness.Machine;

/// <summary>Paging-structure entries (SDM Vol. 3A, Tables 4-4 to 4-11).</summary>
public static class PageEntry
{
    public const uint P = 1;
    public const uint RW = 2;
    public const uint US = 4;
    public const uint PWT = 8;
    public const uint PCD = 0x10;
    public const uint A = 0x20;
    public const uint D = 0x40;
    public const uint PS = 0x80;
    public const uint G = 0x100;
    public const ulong XD = 1ul << 63;
}

/// <summary>What a walk asks for; the bits of the #PF error code that describe the access.</summary>
internal enum PageAccess : uint
{
    Read = 0,
    Write = ErrorCode.Write,
    User = ErrorCode.User,
    Fetch = ErrorCode.InstructionFetch,
}

/// <summary>The page walk: 32-bit paging with PSE, PAE paging with NX (SDM Vol. 3A, 4.3 and 4.4), and the TLB that it fills.</summary>
internal static unsafe class Paging
{
    private const uint PageMask = 0xFFFFF000;
    private const uint LargeMask32 = 0xFFC00000;
    private const uint LargeMaskPae = 0xFFE00000;

    /// <summary>Translates a data access, fills the TLB where the page may be touched in place; false is a #PF, recorded with its address.</summary>
    public static bool Translate(Cpu* cpu, TlbEntry* tlb, uint linear, bool write, out uint physical)
    {
        PageAccess access = (write ? PageAccess.Write : PageAccess.Read) | (tlb == cpu->UserTlb ? PageAccess.User : PageAccess.Read);
        if (!Walk(cpu, linear, access, out physical, out bool dirty, out bool global))
        {
            return false;
        }

        Fill(cpu, tlb, linear, physical, dirty && (write || MayWrite(cpu, linear, access)), global);
        return true;
    }

    /// <summary>Translates an instruction fetch at the current privilege level; it fills no data TLB.</summary>
    public static bool TranslateFetch(Cpu* cpu, uint linear, out uint physical)
    {
        PageAccess access = PageAccess.Fetch | (cpu->State.Cpl == 3 ? PageAccess.User : PageAccess.Read);
        return Walk(cpu, linear, access, out physical, out _, out _);
    }

    public static void Flush(Cpu* cpu, bool global)
    {
        var invalid = new TlbEntry { ReadTag = TlbEntry.Invalid, WriteTag = TlbEntry.Invalid };
        for (int i = 0; i < 2 * TlbEntry.Count; i++)
        {
            // The user's table follows the supervisor's in memory.
            if (global || cpu->GlobalPages[i] == 0)
            {
                cpu->SupervisorTlb[i] = invalid;
                cpu->GlobalPages[i] = 0;
            }
        }
    }

    public static void FlushWriteTags(Cpu* cpu)
    {
        for (int i = 0; i < 2 * TlbEntry.Count; i++)
        {
            cpu->SupervisorTlb[i].WriteTag = TlbEntry.Invalid;
        }
    }

    public static void Invalidate(Cpu* cpu, uint linear)
    {
        uint index = linear >> 12 & (TlbEntry.Count - 1);
        cpu->SupervisorTlb[index] = cpu->UserTlb[index] = new TlbEntry { ReadTag = TlbEntry.Invalid, WriteTag = TlbEntry.Invalid };
    }

    private static void Fill(Cpu* cpu, TlbEntry* tlb, uint linear, uint physical, bool writable, bool global)
    {
        if (cpu->Watching || (cpu->CheckingAlignment && tlb == cpu->UserTlb))
        {
            return;
        }

        Processor processor = Processor.Of(cpu);
        uint page = linear & PageMask;
        byte* host = processor.HostAddress(physical & PageMask, write: false);
        uint index = page >> 12 & (TlbEntry.Count - 1);
        TlbEntry* entry = tlb + index;
        if (host == null)
        {
            *entry = new TlbEntry { ReadTag = TlbEntry.Invalid, WriteTag = TlbEntry.Invalid };
            return;
        }

        bool inPlace = writable && !cpu->Recording && processor.HostAddress(physical & PageMask, write: true) == host && !processor.HoldsCode(physical);
        entry->ReadTag = page;
        entry->WriteTag = inPlace ? page : TlbEntry.Invalid;
        entry->Addend = (nint)host - (nint)page;
        cpu->GlobalPages[(tlb == cpu->UserTlb ? TlbEntry.Count : 0) + index] = global ? (byte)1 : (byte)0;
    }

    /// <summary>After a read: whether a write to the same page would succeed with nothing left to set, so that it needs no walk of its own.</summary>
    private static bool MayWrite(Cpu* cpu, uint linear, PageAccess access) =>
        (cpu->State.System.Cr0 & Cr0.PG) == 0 || Rights(cpu, linear, access | PageAccess.Write);

    private static bool Rights(Cpu* cpu, uint linear, PageAccess access)
    {
        Fault fault = cpu->Fault;
        Exit exit = cpu->Exit;
        bool allowed = Walk(cpu, linear, access, out _, out _, out _);
        cpu->Fault = fault;
        cpu->Exit = exit;
        return allowed;
    }

    /// <summary><paramref name="dirty"/>: the page's dirty bit is set, so that a write needs no walk.</summary>
    private static bool Walk(Cpu* cpu, uint linear, PageAccess access, out uint physical, out bool dirty, out bool global)
    {
        uint cr0 = cpu->State.System.Cr0;
        if ((cr0 & Cr0.PG) == 0)
        {
            physical = linear;
            dirty = true;
            global = false;
            return true;
        }

        return (cpu->State.System.Cr4 & Cr4.PAE) != 0
            ? WalkPae(cpu, linear, access, out physical, out dirty, out global)
            : Walk32(cpu, linear, access, out physical, out dirty, out global);
    }

    private static bool Walk32(Cpu* cpu, uint linear, PageAccess access, out uint physical, out bool dirty, out bool global)
    {
        PhysicalMemory memory = Processor.Of(cpu).Memory;
        ref SystemRegisters system = ref cpu->State.System;
        physical = 0;
        dirty = global = false;
        uint directoryAt = (system.Cr3 & PageMask) + (linear >> 22) * 4;
        uint directory = (uint)memory.ReadValue(directoryAt, 4);
        if ((directory & PageEntry.P) == 0)
        {
            return PageFault(cpu, linear, access, 0);
        }

        bool large = (directory & PageEntry.PS) != 0 && (system.Cr4 & Cr4.PSE) != 0;
        uint entryAt = directoryAt;
        uint entry = directory;
        if (large)
        {
            // With 32 physical-address bits, bits 21:13 are reserved (SDM Vol. 3A, Table 4-4).
            if ((directory & 0x003FE000) != 0)
            {
                return PageFault(cpu, linear, access, ErrorCode.Present | ErrorCode.Reserved);
            }
        }
        else
        {
            entryAt = (directory & PageMask) + (linear >> 12 & 0x3FF) * 4;
            entry = (uint)memory.ReadValue(entryAt, 4);
            if ((entry & PageEntry.P) == 0)
            {
                return PageFault(cpu, linear, access, 0);
            }
        }

        if (!Permits(cpu, directory & entry, executeDisabled: false, access))
        {
            return PageFault(cpu, linear, access, ErrorCode.Present);
        }

        if (!large && (directory & PageEntry.A) == 0)
        {
            memory.WriteValue(directoryAt, 4, directory | PageEntry.A);
        }

        uint updated = entry | PageEntry.A | ((access & PageAccess.Write) != 0 ? PageEntry.D : 0);
        if (updated != entry)
        {
            memory.WriteValue(entryAt, 4, updated);
        }

        dirty = (updated & PageEntry.D) != 0;
        global = (updated & PageEntry.G) != 0 && (system.Cr4 & Cr4.PGE) != 0;
        physical = large ? (entry & LargeMask32) | (linear & ~LargeMask32) : (entry & PageMask) | (linear & ~PageMask);
        return true;
    }

    private static bool WalkPae(Cpu* cpu, uint linear, PageAccess access, out uint physical, out bool dirty, out bool global)
    {
        Processor processor = Processor.Of(cpu);
        PhysicalMemory memory = processor.Memory;
        ref SystemRegisters system = ref cpu->State.System;
        physical = 0;
        dirty = global = false;
        bool nx = (system.Efer & Efer.NXE) != 0;
        ulong reserved = processor.ReservedPhysicalBits | (nx ? 0 : PageEntry.XD);
        ulong pointer = (linear >> 30) switch { 0 => system.Pdpte0, 1 => system.Pdpte1, 2 => system.Pdpte2, _ => system.Pdpte3 };
        if ((pointer & PageEntry.P) == 0)
        {
            return PageFault(cpu, linear, access, 0);
        }

        uint directoryAt = ((uint)pointer & PageMask) + (linear >> 21 & 0x1FF) * 8;
        ulong directory = memory.ReadValue(directoryAt, 8);
        if ((directory & PageEntry.P) == 0)
        {
            return PageFault(cpu, linear, access, 0);
        }

        bool large = (directory & PageEntry.PS) != 0;
        if ((directory & (reserved | (large ? 0x1FE000u : 0))) != 0)
        {
            return PageFault(cpu, linear, access, ErrorCode.Present | ErrorCode.Reserved);
        }

        uint entryAt = directoryAt;
        ulong entry = directory;
        if (!large)
        {
            entryAt = ((uint)directory & PageMask) + (linear >> 12 & 0x1FF) * 8;
            entry = memory.ReadValue(entryAt, 8);
            if ((entry & PageEntry.P) == 0)
            {
                return PageFault(cpu, linear, access, 0);
            }

            if ((entry & reserved) != 0)
            {
                return PageFault(cpu, linear, access, ErrorCode.Present | ErrorCode.Reserved);
            }
        }

        if (!Permits(cpu, (uint)(directory & entry), nx && ((directory | entry) & PageEntry.XD) != 0, access))
        {
            return PageFault(cpu, linear, access, ErrorCode.Present);
        }

        if (!large && (directory & PageEntry.A) == 0)
        {
            memory.WriteValue(directoryAt, 8, directory | PageEntry.A);
        }

        ulong updated = entry | PageEntry.A | ((access & PageAccess.Write) != 0 ? PageEntry.D : 0);
        if (updated != entry)
        {
            memory.WriteValue(entryAt, 8, updated);
        }

        dirty = (updated & PageEntry.D) != 0;
        global = (updated & PageEntry.G) != 0 && (system.Cr4 & Cr4.PGE) != 0;
        physical = large ? ((uint)entry & LargeMaskPae) | (linear & ~LargeMaskPae) : ((uint)entry & PageMask) | (linear & ~PageMask);
        return true;
    }

    /// <summary>Access rights of the page's combined flags (SDM Vol. 3A, 4.6).</summary>
    private static bool Permits(Cpu* cpu, uint rights, bool executeDisabled, PageAccess access)
    {
        bool user = (access & PageAccess.User) != 0;
        if (user && (rights & PageEntry.US) == 0)
        {
            return false;
        }

        if ((access & PageAccess.Write) != 0 && (rights & PageEntry.RW) == 0 && (user || (cpu->State.System.Cr0 & Cr0.WP) != 0))
        {
            return false;
        }

        return (access & PageAccess.Fetch) == 0 || !executeDisabled;
    }

    /// <summary>Records #PF. The fetch bit is reported only where NX is in force (SDM Vol. 3A, 4.7).</summary>
    private static bool PageFault(Cpu* cpu, uint linear, PageAccess access, uint cause)
    {
        ref SystemRegisters system = ref cpu->State.System;
        bool nx = (system.Cr4 & Cr4.PAE) != 0 && (system.Efer & Efer.NXE) != 0;
        uint error = cause | ((uint)access & ~(nx ? 0 : ErrorCode.InstructionFetch));
        cpu->Fault = new Fault(Vector.PF, error) { Address = linear };
        cpu->Exit = Exit.Fault;
        return false;
    }
}
