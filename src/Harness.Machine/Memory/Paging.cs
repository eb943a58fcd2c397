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
        if (!Find(cpu, cpu->DataTranslations, linear, access, out physical, out uint rights))
        {
            return false;
        }

        // Whether the supervisor may touch a user page changes with EFLAGS.AC: each access is looked at.
        if ((cpu->State.System.Cr4 & Cr4.SMAP) == 0 || tlb == cpu->UserTlb || (rights & PageEntry.US) == 0 || (cpu->State.System.Cr0 & Cr0.PG) == 0)
        {
            Fill(cpu, tlb, linear, physical, (rights & PageEntry.D) != 0 && Permits(cpu, rights, access | PageAccess.Write));
        }

        return true;
    }

    /// <summary>Translates an instruction fetch at the current privilege level; it fills no data TLB.</summary>
    public static bool TranslateFetch(Cpu* cpu, uint linear, out uint physical)
    {
        PageAccess access = PageAccess.Fetch | (cpu->State.Cpl == 3 ? PageAccess.User : PageAccess.Read);
        return Find(cpu, cpu->CodeTranslations, linear, access, out physical, out _);
    }

    /// <summary>A cached translation, or a new one if there is none that allows the access (SDM Vol. 3A, 4.10.2).</summary>
    private static bool Find(Cpu* cpu, Translation* table, uint linear, PageAccess access, out uint physical, out uint rights)
    {
        Processor processor = Processor.Of(cpu);
        processor.NoteAccess();
        Translation* cached = table + (linear >> 12 & (TlbEntry.Count - 1));
        physical = linear;
        rights = PageEntry.RW | PageEntry.US | PageEntry.D;
        if ((cpu->State.System.Cr0 & Cr0.PG) == 0)
        {
            return true;
        }

        if (cached->Page == (linear & PageMask) && Permits(cpu, cached->Rights, access) && ((access & PageAccess.Write) == 0 || (cached->Rights & PageEntry.D) != 0))
        {
            physical = cached->Frame | (linear & ~PageMask);
            rights = cached->Rights;
            return true;
        }

        bool found = Walk(cpu, linear, access, touch: true, out PageWalk walk);
        if (cached->Page == (linear & PageMask) || processor.HasMarked)
        {
            processor.NoteReplaced(cached);
        }

        Replace(cpu, cached);
        if (!found)
        {
            return PageFault(cpu, linear, walk);
        }

        physical = (uint)walk.Physical.Value;
        rights = walk.Rights;
        Use(cpu, linear >> 12 & (TlbEntry.Count - 1));
        *cached = new Translation { Page = linear & PageMask, Frame = physical & PageMask, Rights = rights };
        cpu->CachesLargePages |= (rights & PageEntry.PS) != 0;
        return true;
    }

    /// <summary>Drops a translation with all that was derived from it.</summary>
    private static void Replace(Cpu* cpu, Translation* cached)
    {
        if (cached->Page == TlbEntry.Invalid)
        {
            return;
        }

        *cached = new Translation { Page = TlbEntry.Invalid };
        long index = cached - cpu->DataTranslations;
        if (index < TlbEntry.Count)
        {
            DropTags(cpu, index);
        }
        else
        {
            Processor.Of(cpu).ForgetLookups();
        }
    }

    /// <summary>Puts back a translation that an attempt of an instruction replaced.</summary>
    public static void Restore(Cpu* cpu, Translation* cached, Translation old)
    {
        Replace(cpu, cached);
        Use(cpu, (uint)(cached - cpu->DataTranslations) % TlbEntry.Count);
        *cached = old;
    }

    private static void DropTags(Cpu* cpu, long index) =>
        cpu->SupervisorTlb[index] = cpu->UserTlb[index] = new TlbEntry { ReadTag = TlbEntry.Invalid, WriteTag = TlbEntry.Invalid };

    /// <summary>Where an access would lead, with nothing recorded and no bit of the tables set.</summary>
    public static bool Probe(Cpu* cpu, uint linear, PageAccess access, out PageWalk walk) => Walk(cpu, linear, access, touch: false, out walk);

    /// <summary>As an access would, with accessed and dirty bits set but no fault recorded.</summary>
    public static bool Touch(Cpu* cpu, uint linear, PageAccess access, out PageWalk walk) => Walk(cpu, linear, access, touch: true, out walk);

    /// <summary>Makes the tables empty, whatever they hold.</summary>
    public static void Clear(Cpu* cpu)
    {
        for (int word = 0; word < Cpu.UsedWords; word++)
        {
            cpu->Used[word] = ulong.MaxValue;
        }

        Flush(cpu, global: true);
    }

    public static void Flush(Cpu* cpu, bool global)
    {
        for (int word = 0; word < Cpu.UsedWords; word++)
        {
            ulong kept = 0;
            for (ulong left = cpu->Used[word]; left != 0; left &= left - 1)
            {
                int index = word * 64 + BitOperations.TrailingZeroCount(left);
                bool data = Forget(cpu->DataTranslations + index, global);
                bool code = Forget(cpu->CodeTranslations + index, global);
                if (!data)
                {
                    DropTags(cpu, index);
                }

                kept |= data || code ? left & (0 - left) : 0;
            }

            cpu->Used[word] = kept;
        }

        cpu->CachesLargePages &= !global;
    }

    /// <summary>True: the translation stays, for it is a global page's.</summary>
    private static bool Forget(Translation* cached, bool global)
    {
        if (!global && (cached->Rights & PageEntry.G) != 0)
        {
            return true;
        }

        *cached = new Translation { Page = TlbEntry.Invalid };
        return false;
    }

    /// <summary>Sends every access to the page's translation once more; no translation is forgotten.</summary>
    public static void FlushTags(Cpu* cpu)
    {
        for (int word = 0; word < Cpu.UsedWords; word++)
        {
            for (ulong left = cpu->Used[word]; left != 0; left &= left - 1)
            {
                DropTags(cpu, word * 64 + BitOperations.TrailingZeroCount(left));
            }
        }
    }

    public static void FlushWriteTags(Cpu* cpu)
    {
        for (int word = 0; word < Cpu.UsedWords; word++)
        {
            for (ulong left = cpu->Used[word]; left != 0; left &= left - 1)
            {
                int index = word * 64 + BitOperations.TrailingZeroCount(left);
                cpu->SupervisorTlb[index].WriteTag = cpu->UserTlb[index].WriteTag = TlbEntry.Invalid;
            }
        }
    }

    /// <summary>Call before anything is put into a table, so that a flush finds it.</summary>
    private static void Use(Cpu* cpu, uint index) => cpu->Used[index / 64] |= 1ul << (int)(index % 64);

    /// <summary>INVLPG: of a large page, every translation goes (SDM Vol. 3A, 4.10.4.1).</summary>
    public static void Invalidate(Cpu* cpu, uint linear)
    {
        if (cpu->CachesLargePages)
        {
            for (int i = 0; i < 2 * TlbEntry.Count; i++)
            {
                Translation* cached = cpu->DataTranslations + i;
                if ((cached->Rights & PageEntry.PS) != 0 && ((cached->Page ^ linear) & LargeMask32) == 0)
                {
                    Replace(cpu, cached);
                }
            }
        }

        uint index = linear >> 12 & (TlbEntry.Count - 1);
        Replace(cpu, cpu->DataTranslations + index);
        Replace(cpu, cpu->CodeTranslations + index);
    }

    private static void Fill(Cpu* cpu, TlbEntry* tlb, uint linear, uint physical, bool writable)
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

        Use(cpu, index);
        bool inPlace = writable && !cpu->Recording && processor.Memory.IsWritableInPlace(new PhysicalAddress(physical)) && !processor.HoldsCode(physical);
        if (inPlace)
        {
            // From now on stores go there without asking: the page may hold something.
            host = processor.HostAddress(physical & PageMask, write: true);
        }

        entry->ReadTag = page;
        entry->WriteTag = inPlace ? page : TlbEntry.Invalid;
        entry->Addend = (nint)host - (nint)page;
    }

    private static bool Walk(Cpu* cpu, uint linear, PageAccess access, bool touch, out PageWalk walk)
    {
        if ((cpu->State.System.Cr0 & Cr0.PG) == 0)
        {
            walk = new PageWalk(new PhysicalAddress(linear), Writable: true, UserMode: true, Global: false, ErrorCode: 0);
            return true;
        }

        return (cpu->State.System.Cr4 & Cr4.PAE) != 0 ? WalkPae(cpu, linear, access, touch, out walk) : Walk32(cpu, linear, access, touch, out walk);
    }

    private static bool Walk32(Cpu* cpu, uint linear, PageAccess access, bool touch, out PageWalk walk)
    {
        PhysicalMemory memory = Processor.Of(cpu).Memory;
        ref SystemRegisters system = ref cpu->State.System;
        uint directoryAt = (system.Cr3 & PageMask) + (linear >> 22) * 4;
        uint directory = (uint)memory.ReadValue(directoryAt, 4);
        if ((directory & PageEntry.P) == 0)
        {
            return Fails(cpu, access, 0, out walk);
        }

        bool large = (directory & PageEntry.PS) != 0 && (system.Cr4 & Cr4.PSE) != 0;
        uint entryAt = directoryAt;
        uint entry = directory;
        if (large)
        {
            // With 32 physical-address bits, bits 21:13 are reserved (SDM Vol. 3A, Table 4-4).
            if ((directory & 0x003FE000) != 0)
            {
                return Fails(cpu, access, ErrorCode.Present | ErrorCode.Reserved, out walk);
            }
        }
        else
        {
            entryAt = (directory & PageMask) + (linear >> 12 & 0x3FF) * 4;
            entry = (uint)memory.ReadValue(entryAt, 4);
            if ((entry & PageEntry.P) == 0)
            {
                return Fails(cpu, access, 0, out walk);
            }
        }

        if (!Permits(cpu, directory & entry & ~Translation.ExecuteDisable, access))
        {
            return Fails(cpu, access, ErrorCode.Present, out walk);
        }

        uint updated = entry | PageEntry.A | ((access & PageAccess.Write) != 0 ? PageEntry.D : 0);
        if (touch)
        {
            if (!large && (directory & PageEntry.A) == 0)
            {
                Mark(cpu, directoryAt, 4, directory, directory | PageEntry.A);
            }

            if (updated != entry)
            {
                Mark(cpu, entryAt, 4, entry, updated);
            }
        }

        uint physical = large ? (entry & LargeMask32) | (linear & ~LargeMask32) : (entry & PageMask) | (linear & ~PageMask);
        walk = Found(cpu, physical, directory & updated, updated, large, executeDisable: 0, access);
        walk = walk with { Entry = entryAt, SetsBits = updated != entry || (directory & PageEntry.A) == 0 };
        return true;
    }

    /// <summary>Sets accessed and dirty bits.</summary>
    private static void Mark(Cpu* cpu, uint physical, int size, ulong old, ulong marked)
    {
        Processor processor = Processor.Of(cpu);
        processor.NoteMarked(physical, size, old);
        processor.Memory.WriteValue(physical, size, marked);
    }

    private static bool WalkPae(Cpu* cpu, uint linear, PageAccess access, bool touch, out PageWalk walk)
    {
        Processor processor = Processor.Of(cpu);
        PhysicalMemory memory = processor.Memory;
        ref SystemRegisters system = ref cpu->State.System;
        bool nx = (system.Efer & Efer.NXE) != 0;
        ulong reserved = processor.ReservedPhysicalBits | (nx ? 0 : PageEntry.XD);
        ulong pointer = (linear >> 30) switch { 0 => system.Pdpte0, 1 => system.Pdpte1, 2 => system.Pdpte2, _ => system.Pdpte3 };
        if ((pointer & PageEntry.P) == 0)
        {
            return Fails(cpu, access, 0, out walk);
        }

        uint directoryAt = ((uint)pointer & PageMask) + (linear >> 21 & 0x1FF) * 8;
        ulong directory = memory.ReadValue(directoryAt, 8);
        if ((directory & PageEntry.P) == 0)
        {
            return Fails(cpu, access, 0, out walk);
        }

        bool large = (directory & PageEntry.PS) != 0;
        if ((directory & (reserved | (large ? 0x1FE000u : 0))) != 0)
        {
            return Fails(cpu, access, ErrorCode.Present | ErrorCode.Reserved, out walk);
        }

        uint entryAt = directoryAt;
        ulong entry = directory;
        if (!large)
        {
            entryAt = ((uint)directory & PageMask) + (linear >> 12 & 0x1FF) * 8;
            entry = memory.ReadValue(entryAt, 8);
            if ((entry & PageEntry.P) == 0)
            {
                return Fails(cpu, access, 0, out walk);
            }

            if ((entry & reserved) != 0)
            {
                return Fails(cpu, access, ErrorCode.Present | ErrorCode.Reserved, out walk);
            }
        }

        uint executeDisable = nx && ((directory | entry) & PageEntry.XD) != 0 ? Translation.ExecuteDisable : 0;
        if (!Permits(cpu, ((uint)(directory & entry) & ~Translation.ExecuteDisable) | executeDisable, access))
        {
            return Fails(cpu, access, ErrorCode.Present, out walk);
        }

        ulong updated = entry | PageEntry.A | ((access & PageAccess.Write) != 0 ? PageEntry.D : 0);
        if (touch)
        {
            if (!large && (directory & PageEntry.A) == 0)
            {
                Mark(cpu, directoryAt, 8, directory, directory | PageEntry.A);
            }

            if (updated != entry)
            {
                Mark(cpu, entryAt, 8, entry, updated);
            }
        }

        uint physical = large ? ((uint)entry & LargeMaskPae) | (linear & ~LargeMaskPae) : ((uint)entry & PageMask) | (linear & ~PageMask);
        walk = Found(cpu, physical, (uint)(directory & updated), (uint)updated, large, executeDisable, access);
        walk = walk with { Entry = entryAt, SetsBits = updated != entry || (directory & PageEntry.A) == 0 };
        return true;
    }

    /// <summary><paramref name="rights"/>: what both levels allow; <paramref name="leaf"/>: the entry that maps the page.</summary>
    private static PageWalk Found(Cpu* cpu, uint physical, uint rights, uint leaf, bool large, uint executeDisable, PageAccess access)
    {
        bool global = (leaf & PageEntry.G) != 0 && (cpu->State.System.Cr4 & Cr4.PGE) != 0;
        rights = (rights & (PageEntry.RW | PageEntry.US)) | (leaf & PageEntry.D) | (global ? PageEntry.G : 0) | (large ? PageEntry.PS : 0) | executeDisable;
        return new PageWalk(
            new PhysicalAddress(physical),
            Writable: (leaf & PageEntry.D) != 0 && Permits(cpu, rights, (access | PageAccess.Write) & ~PageAccess.Fetch),
            UserMode: (rights & PageEntry.US) != 0,
            global,
            ErrorCode: 0)
        {
            Rights = rights,
        };
    }

    /// <summary>Access rights of the page's combined flags (SDM Vol. 3A, 4.6).</summary>
    private static bool Permits(Cpu* cpu, uint rights, PageAccess access)
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

        if (!user && (rights & PageEntry.US) != 0 && (cpu->State.System.Cr4 & (Cr4.SMEP | Cr4.SMAP)) != 0 && IsPrevented(cpu, access))
        {
            return false;
        }

        return (access & PageAccess.Fetch) == 0 || (rights & Translation.ExecuteDisable) == 0;
    }

    /// <summary>Supervisor-mode access prevention and execution prevention, of a user page; no EFLAGS.AC excuses an implicit access (SDM Vol. 3A, 4.6.1).</summary>
    private static bool IsPrevented(Cpu* cpu, PageAccess access) => (access & PageAccess.Fetch) != 0
        ? (cpu->State.System.Cr4 & Cr4.SMEP) != 0
        : (cpu->State.System.Cr4 & Cr4.SMAP) != 0 && (cpu->IsImplicitAccess || cpu->State.Cpl == 3 || (cpu->State.OtherFlags & Eflags.AC) == 0);

    /// <summary>The error code of the #PF. The fetch bit is reported only where NX or SMEP is in force (SDM Vol. 3A, 4.7).</summary>
    private static bool Fails(Cpu* cpu, PageAccess access, uint cause, out PageWalk walk)
    {
        ref SystemRegisters system = ref cpu->State.System;
        bool nx = ((system.Cr4 & Cr4.PAE) != 0 && (system.Efer & Efer.NXE) != 0) || (system.Cr4 & Cr4.SMEP) != 0;
        walk = new PageWalk(default, Writable: false, UserMode: false, Global: false, cause | ((uint)access & ~(nx ? 0 : ErrorCode.InstructionFetch)));
        return false;
    }

    private static bool PageFault(Cpu* cpu, uint linear, in PageWalk walk)
    {
        cpu->Fault = new Fault(Vector.PF, walk.ErrorCode) { Address = linear };
        cpu->Exit = Exit.Fault;
        return false;
    }
}
