namespace Harness.Machine;

/// <summary>
/// Guest memory through segment, software TLB and page walk. A null pointer or false is a fault (or a request to run alone), recorded in the processor.
/// Precondition of every method: nothing of the instruction has been committed. An access that crosses a page has both pages translated before it reads or
/// writes, so that it is atomic.
/// </summary>
public static unsafe class LinearMemory
{
    private const uint PageMask = 0xFFFFF000;

    /// <summary>Where to read a T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, SegmentRegister* segment, uint offset) where T : unmanaged
    {
        if (offset + (ulong)sizeof(T) > segment->ReadEnd)
        {
            return (T*)OutsideRead(cpu, segment, offset, sizeof(T));
        }

        uint linear = segment->Base + offset;
        TlbEntry* entry = cpu->Tlb + (linear >> 12 & (TlbEntry.Count - 1));

        // The page of the last byte is another page, hence another tag, when the access crosses.
        return entry->ReadTag == (linear + (uint)sizeof(T) - 1 & PageMask)
            ? (T*)(entry->Addend + (nint)linear)
            : (T*)Locate(cpu, cpu->Tlb, linear, sizeof(T), write: false);
    }

    /// <summary>Stores a T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<T>(Cpu* cpu, SegmentRegister* segment, uint offset, T value) where T : unmanaged
    {
        if (offset + (ulong)sizeof(T) > segment->WriteEnd)
        {
            return OutsideWrite(cpu, segment, offset, value);
        }

        uint linear = segment->Base + offset;
        TlbEntry* entry = cpu->Tlb + (linear >> 12 & (TlbEntry.Count - 1));
        if (entry->WriteTag == (linear + (uint)sizeof(T) - 1 & PageMask))
        {
            *(T*)(entry->Addend + (nint)linear) = value;
            return true;
        }

        return WriteSlow(cpu, linear, value);
    }

    /// <summary>Where to read and then write a T; <see cref="Commit"/> ends it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Update<T>(Cpu* cpu, SegmentRegister* segment, uint offset) where T : unmanaged
    {
        if (offset + (ulong)sizeof(T) > segment->WriteEnd)
        {
            return (T*)OutsideUpdate(cpu, segment, offset, sizeof(T));
        }

        uint linear = segment->Base + offset;
        TlbEntry* entry = cpu->Tlb + (linear >> 12 & (TlbEntry.Count - 1));
        return entry->WriteTag == (linear + (uint)sizeof(T) - 1 & PageMask)
            ? (T*)(entry->Addend + (nint)linear)
            : (T*)Locate(cpu, cpu->Tlb, linear, sizeof(T), write: true);
    }

    /// <summary>Completes an <see cref="Update"/> after its value has been stored at the place it gave.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit<T>(Cpu* cpu, T* place) where T : unmanaged
    {
        if (place == &cpu->Split)
        {
            CommitSplit(cpu);
        }
    }

    /// <summary>Reads at a linear address with the rights that <paramref name="tlb"/> stands for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ReadLinear<T>(Cpu* cpu, TlbEntry* tlb, uint linear, out T value) where T : unmanaged
    {
        TlbEntry* entry = tlb + (linear >> 12 & (TlbEntry.Count - 1));
        T* place = entry->ReadTag == (linear + (uint)sizeof(T) - 1 & PageMask)
            ? (T*)(entry->Addend + (nint)linear)
            : (T*)Locate(cpu, tlb, linear, sizeof(T), write: false);
        value = place == null ? default : *place;
        return place != null;
    }

    /// <summary>Whether the segment lets the access through; otherwise #SS(0) for SS, #GP(0) for the others (SDM Vol. 3A, 5.3).</summary>
    public static bool CheckSegment(Cpu* cpu, SegmentRegister* segment, uint offset, int size, bool write)
    {
        if (segment->Allows(offset, (uint)size, write))
        {
            return true;
        }

        cpu->Fault = new Fault(segment == &cpu->State.Ss ? Vector.SS : Vector.GP, 0);
        cpu->Exit = Exit.Fault;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* OutsideRead(Cpu* cpu, SegmentRegister* segment, uint offset, int size) =>
        CheckSegment(cpu, segment, offset, size, write: false) ? Locate(cpu, cpu->Tlb, segment->Base + offset, size, write: false) : null;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* OutsideUpdate(Cpu* cpu, SegmentRegister* segment, uint offset, int size) =>
        CheckSegment(cpu, segment, offset, size, write: true) ? Locate(cpu, cpu->Tlb, segment->Base + offset, size, write: true) : null;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool OutsideWrite<T>(Cpu* cpu, SegmentRegister* segment, uint offset, T value) where T : unmanaged =>
        CheckSegment(cpu, segment, offset, sizeof(T), write: true) && WriteSlow(cpu, segment->Base + offset, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool WriteSlow<T>(Cpu* cpu, uint linear, T value) where T : unmanaged
    {
        T* place = (T*)Locate(cpu, cpu->Tlb, linear, sizeof(T), write: true);
        if (place == null)
        {
            return false;
        }

        *place = value;
        Commit(cpu, place);
        return true;
    }

    /// <summary>Translates one or two pages. What cannot be touched in place (a crossing, a device, decoded code, a recorded write) goes through the split buffer.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static byte* Locate(Cpu* cpu, TlbEntry* tlb, uint linear, int size, bool write)
    {
        bool user = tlb == cpu->UserTlb;
        if (user && cpu->CheckingAlignment && (linear & (uint)(size - 1)) != 0)
        {
            cpu->Fault = new Fault(Vector.AC, 0);
            cpu->Exit = Exit.Fault;
            return null;
        }

        int first = Math.Min(size, Ram.PageSize - (int)(linear & ~PageMask));
        if (!Paging.Translate(cpu, tlb, linear, write, out uint low))
        {
            return null;
        }

        uint high = 0;
        if (first < size && !Paging.Translate(cpu, tlb, linear + (uint)first, write, out high))
        {
            return null;
        }

        Processor processor = Processor.Of(cpu);
        if (cpu->Watching)
        {
            processor.NoteDataAccess(linear, size, write);
        }

        if (first == size && !cpu->Recording)
        {
            byte* host = processor.HostAddress(low, write);
            if (host != null && !(write && processor.HoldsCode(low)))
            {
                return host;
            }
        }

        return LocateSplit(cpu, processor, linear, size, first, low, high, write);
    }

    private static byte* LocateSplit(Cpu* cpu, Processor processor, uint linear, int size, int first, uint low, uint high, bool write)
    {
        SplitPart a = new() { Host = processor.HostAddress(low, write), Physical = low, Linear = linear, Size = first };
        SplitPart b = new() { Physical = high, Linear = linear + (uint)first, Size = size - first };
        if (b.Size != 0)
        {
            b.Host = processor.HostAddress(high, write);
        }

        if (!cpu->Alone && (a.Host == null || (b.Size != 0 && b.Host == null)))
        {
            cpu->Exit = Exit.RunAlone;
            return null;
        }

        cpu->SplitLow = a;
        cpu->SplitHigh = b;
        cpu->Split = ReadPart(processor, a) | (b.Size == 0 ? 0 : ReadPart(processor, b) << (8 * first));
        return (byte*)&cpu->Split;
    }

    private static ulong ReadPart(Processor processor, in SplitPart part)
    {
        if (part.Host == null)
        {
            return processor.Load(part.Physical, part.Size);
        }

        ulong value = 0;
        for (int i = 0; i < part.Size; i++)
        {
            value |= (ulong)part.Host[i] << (8 * i);
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CommitSplit(Cpu* cpu)
    {
        Processor processor = Processor.Of(cpu);
        processor.Store(cpu->SplitLow.Physical, cpu->SplitLow.Linear, cpu->SplitLow.Size, cpu->Split);
        if (cpu->SplitHigh.Size != 0)
        {
            processor.Store(cpu->SplitHigh.Physical, cpu->SplitHigh.Linear, cpu->SplitHigh.Size, cpu->Split >> (8 * cpu->SplitLow.Size));
        }
    }
}
