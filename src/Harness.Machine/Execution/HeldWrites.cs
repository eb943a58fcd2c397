namespace Harness.Machine;

/// <summary>The writes of a system instruction, translated and checked when they are made, stored when the instruction completes.</summary>
internal static unsafe class HeldWrites
{
    /// <summary>Translates for writing and keeps the value; false is a fault, or a request to run alone where a device would be written.</summary>
    public static bool Hold(Cpu* cpu, TlbEntry* tlb, uint linear, int size, ulong value, bool isSystem = false)
    {
        if (tlb == cpu->UserTlb && cpu->CheckingAlignment && (linear & (uint)(size - 1)) != 0)
        {
            cpu->Fault = new Fault(Vector.AC, 0);
            cpu->Exit = Exit.Fault;
            return false;
        }

        TlbEntry* entry = tlb + (linear >> 12 & (TlbEntry.Count - 1));
        if (entry->WriteTag == (linear + (uint)size - 1 & ~(uint)(Ram.PageSize - 1)) && cpu->HeldCount < Cpu.MaximumHeldWrites)
        {
            HeldWrite* held = cpu->Held + cpu->HeldCount++;
            held->Host = (byte*)(entry->Addend + (nint)linear);
            held->Linear = linear;
            held->Size = size;
            held->Value = value;
            return true;
        }

        int first = Math.Min(size, Ram.PageSize - (int)(linear & (Ram.PageSize - 1)));
        return HoldPart(cpu, tlb, linear, first, value, isSystem)
            && (first == size || HoldPart(cpu, tlb, linear + (uint)first, size - first, value >> (8 * first), isSystem));
    }

    /// <summary>Replaces the bytes of a read that an earlier write of the same instruction has made. Always true.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Overlay<T>(Cpu* cpu, uint linear, ref T value) where T : unmanaged
    {
        if (cpu->HeldCount != 0)
        {
            value = Width.Truncate<T>(Merge(cpu, linear, sizeof(T), Width.ZeroExtend(value)));
        }

        return true;
    }

    private static ulong Merge(Cpu* cpu, uint linear, int size, ulong merged)
    {
        for (int i = 0; i < cpu->HeldCount; i++)
        {
            HeldWrite* held = cpu->Held + i;
            for (int k = 0; k < held->Size; k++)
            {
                uint at = held->Linear + (uint)k - linear;
                if (at < size)
                {
                    merged = (merged & ~(0xFFul << (int)(8 * at))) | ((held->Value >> (8 * k) & 0xFF) << (int)(8 * at));
                }
            }
        }

        return merged;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Complete(Cpu* cpu)
    {
        Processor processor = Processor.Of(cpu);
        for (int i = 0; i < cpu->HeldCount; i++)
        {
            HeldWrite* held = cpu->Held + i;
            if (held->Host == null)
            {
                processor.Store(held->Physical, held->Linear, held->Size, held->Value, held->IsSystem);
            }
            else if (held->Size == sizeof(uint))
            {
                *(uint*)held->Host = (uint)held->Value;
            }
            else
            {
                StoreAt(held->Host, held->Size, held->Value);
            }
        }

        cpu->HeldCount = 0;
    }

    private static void StoreAt(byte* place, int size, ulong value)
    {
        switch (size)
        {
            case 1: *place = (byte)value; break;
            case 2: *(ushort*)place = (ushort)value; break;
            default:
                for (int i = 0; i < size; i++)
                {
                    place[i] = (byte)(value >> (8 * i));
                }

                break;
        }
    }

    private static bool HoldPart(Cpu* cpu, TlbEntry* tlb, uint linear, int size, ulong value, bool isSystem)
    {
        Processor processor = Processor.Of(cpu);
        if (!Paging.Translate(cpu, tlb, linear, write: true, out uint physical))
        {
            return false;
        }

        if (cpu->Watching)
        {
            processor.NoteDataAccess(linear, size, write: true);
        }

        if (!cpu->Alone && processor.HostAddress(physical, write: true) == null)
        {
            cpu->Exit = Exit.RunAlone;
            return false;
        }

        if (cpu->HeldCount == Cpu.MaximumHeldWrites)
        {
            throw new InvalidOperationException("a system instruction made more writes than any is defined to make");
        }

        cpu->Held[cpu->HeldCount++] = new HeldWrite { Physical = physical, Linear = linear, Size = size, Value = value, IsSystem = isSystem };
        return true;
    }
}
