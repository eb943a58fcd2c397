namespace Harness.Machine;

/// <summary>The port of the machine itself: semantics on the processor state. Writes are held back while <see cref="Cpu.Holding"/>.</summary>
public readonly unsafe struct MachinePort(Cpu* cpu) : IPort
{
    private const uint PageMask = ~(uint)(Ram.PageSize - 1);

    private Processor Processor => Harness.Machine.Processor.Of(cpu);

    public ref uint Eip => ref cpu->State.Eip;

    public uint InstructionEip => cpu->InstructionEip;

    public uint Flags
    {
        get => cpu->Flags;
        set => cpu->Flags = value;
    }

    public uint NonStatusFlags
    {
        get => cpu->State.OtherFlags;
        set => cpu->State.OtherFlags = (value & Eflags.Defined & ~Eflags.Status) | Eflags.Fixed;
    }

    public ref LazyFlags StatusFlags => ref cpu->State.Status;

    public int Cpl
    {
        get => cpu->State.Cpl;
        set
        {
            cpu->State.Cpl = value;
            cpu->SelectTlb();
            if (Processor.StopsInUserMode)
            {
                cpu->Attention |= Attention.Events;
            }
        }
    }

    public ref readonly DescriptorTableRegister Gdtr => ref cpu->State.Gdtr;

    public ref readonly DescriptorTableRegister Idtr => ref cpu->State.Idtr;

    public ref readonly SystemRegisters System => ref cpu->State.System;

    public bool IsGuest => cpu->IsGuest;

    public ulong TimeStamp => Processor.TimeStamp;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref uint Gpr(int number) => ref *(uint*)(cpu->State.Registers + number);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly SegmentRegister Segment(SegmentName name) => ref *(&cpu->State.Es + (int)name);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref SegmentRegister Change(SegmentName name)
    {
        cpu->KeepSegment((int)name);
        return ref *(&cpu->State.Es + (int)name);
    }

    public ref DescriptorTableRegister ChangeGdtr()
    {
        cpu->KeepSystem();
        return ref cpu->State.Gdtr;
    }

    public ref DescriptorTableRegister ChangeIdtr()
    {
        cpu->KeepSystem();
        return ref cpu->State.Idtr;
    }

    public ref SystemRegisters ChangeSystem()
    {
        cpu->KeepSystem();
        return ref cpu->State.System;
    }

    public bool Has(Feature feature) => Processor.Model.Has(feature);

    public uint DefinedFlags => cpu->DefinedFlags;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Read<T>(SegmentName segment, uint offset, out T value) where T : unmanaged
    {
        T* place = LinearMemory.Read<T>(cpu, &cpu->State.Es + (int)segment, offset);
        value = place == null ? default : *place;
        return place != null && (cpu->HeldCount == 0 || HeldWrites.Overlay(cpu, Segment(segment).Base + offset, ref value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Write<T>(SegmentName segment, uint offset, T value) where T : unmanaged
    {
        SegmentRegister* register = &cpu->State.Es + (int)segment;
        return cpu->Holding
            ? LinearMemory.CheckSegment(cpu, register, offset, sizeof(T), write: true)
                && HeldWrites.Hold(cpu, cpu->Tlb, register->Base + offset, sizeof(T), Width.ZeroExtend(value))
            : LinearMemory.Write(cpu, register, offset, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly uint TryLocate(SegmentName segment, uint offset, int size)
    {
        SegmentRegister* register = &cpu->State.Es + (int)segment;
        uint linear = register->Base + offset;
        TlbEntry* entry = cpu->Tlb + (linear >> 12 & (TlbEntry.Count - 1));
        bool found = offset + (ulong)(uint)size <= register->ReadEnd && entry->ReadTag == (linear + (uint)size - 1 & PageMask) && cpu->HeldCount == 0;
        return ref *(uint*)(found ? entry->Addend + (nint)linear : 0);
    }

    public bool Probe(SegmentName segment, uint offset, uint size, bool write)
    {
        SegmentRegister* register = &cpu->State.Es + (int)segment;
        return LinearMemory.CheckSegment(cpu, register, offset, (int)size, write)
            && LinearMemory.Locate(cpu, cpu->Tlb, register->Base + offset, (int)size, write) != null;
    }

    public bool ReadPhysical(ulong address, out ulong value)
    {
        value = Processor.Memory.ReadValue((uint)address, sizeof(ulong));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool ReadSystem<T>(uint linear, out T value) where T : unmanaged
    {
        cpu->IsImplicitAccess = true;
        bool read = LinearMemory.ReadLinear(cpu, cpu->SupervisorTlb, linear, out value) && HeldWrites.Overlay(cpu, linear, ref value);
        cpu->IsImplicitAccess = false;
        return read;
    }

    public bool WriteSystem<T>(uint linear, T value) where T : unmanaged
    {
        cpu->IsImplicitAccess = true;
        bool held = HeldWrites.Hold(cpu, cpu->SupervisorTlb, linear, sizeof(T), Width.ZeroExtend(value), isSystem: true);
        cpu->IsImplicitAccess = false;
        return held;
    }

    public bool ReadStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, out T value) where T : unmanaged
    {
        if (!stack.Allows(offset, (uint)sizeof(T), write: false))
        {
            value = default;
            return Fault(Vector.SS, errorCode);
        }

        return LinearMemory.ReadLinear(cpu, TableOf(cpl), stack.Base + offset, out value) && HeldWrites.Overlay(cpu, stack.Base + offset, ref value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool WriteStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, T value) where T : unmanaged =>
        offset + (ulong)sizeof(T) <= stack.WriteEnd || stack.Allows(offset, (uint)sizeof(T), write: true)
            ? HeldWrites.Hold(cpu, TableOf(cpl), stack.Base + offset, sizeof(T), Width.ZeroExtend(value))
            : Fault(Vector.SS, errorCode);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref uint TryLocateStack(scoped in SegmentRegister stack, uint offset, int cpl, int size)
    {
        uint linear = stack.Base + offset;
        TlbEntry* entry = TableOf(cpl) + (linear >> 12 & (TlbEntry.Count - 1));
        bool found = offset + (ulong)(uint)size <= stack.WriteEnd && entry->WriteTag == (linear + (uint)size - 1 & PageMask) && cpu->HeldCount == 0;
        return ref *(uint*)(found ? entry->Addend + (nint)linear : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref SegmentMemo Memo(SegmentRole role) => ref *(&cpu->HandlerCode + (int)role);

    public bool ProbeSystem(uint linear, uint size, bool write)
    {
        for (ulong at = linear; at < (ulong)linear + size; at = (at | (Ram.PageSize - 1)) + 1)
        {
            cpu->IsImplicitAccess = true;
            bool found = Paging.Translate(cpu, cpu->SupervisorTlb, (uint)at, write, out _);
            cpu->IsImplicitAccess = false;
            if (!found)
            {
                return false;
            }
        }

        return true;
    }

    public uint EffectiveAddress(in Instruction instruction, out SegmentName segment)
    {
        segment = (SegmentName)(instruction.MemorySegment - Register.ES);
        uint offset = Value(instruction.MemoryBase) + Value(instruction.MemoryIndex) * (uint)instruction.MemoryIndexScale + instruction.MemoryDisplacement32;
        bool narrow = instruction.MemoryBase.IsGPR16() || instruction.MemoryIndex.IsGPR16()
            || (instruction.MemoryBase == Register.None && instruction.MemoryIndex == Register.None && instruction.MemoryDisplSize == 2);
        return narrow ? offset & 0xFFFF : offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Fault(Vector vector, uint errorCode = 0)
    {
        cpu->Fault = new Fault(vector, errorCode);
        cpu->Exit = Exit.Fault;
        return false;
    }

    public bool Intercepted(InterceptKind kind, uint qualifier = 0, uint value = 0) => cpu->IsGuest && Processor.AskMonitor(kind, qualifier, value);

    public uint ReadControl(int number) => Processor.ReadControl(number);

    public uint FilterControlWrite(int number, uint value) => Processor.FilterControlWrite(number, value);

    public bool AllowsControl(int number, uint value) => Processor.Intercepts is not { } unit || unit.AllowsControl(number, value);

    public uint In(ushort port, int size) => Processor.In(port, size);

    public void Out(ushort port, int size, uint value) => Processor.Out(port, size, value);

    public bool ReadMsr(uint number, out ulong value) => Processor.ReadMsr(number, out value);

    public bool WriteMsr(uint number, ulong value) => Processor.WriteMsr(number, value);

    public (uint Eax, uint Ebx, uint Ecx, uint Edx) Cpuid(uint leaf, uint subleaf) => Processor.Cpuid(leaf, subleaf);

    public void FlushTlb(bool global)
    {
        Processor.FlushTlb(global);
        if (!global)
        {
            // Nothing but a load of CR3 leaves the translations of global pages (SDM Vol. 3A, 4.10.4.1).
            Processor.Events?.Cr3Loaded();
        }
    }

    public void InvalidatePage(uint linear) => Processor.InvalidatePage(linear);

    public void Pause() => Processor.Pause();

    public void Halt()
    {
        cpu->State.Activity = Activity.Halted;
        cpu->Attention |= Attention.Events;
    }

    public void InhibitInterrupts(bool all)
    {
        cpu->State.Shadow = all ? Shadow.MovSs : Shadow.Sti;
        cpu->Attention |= Attention.Events;
    }

    public void PendDebugTrap(uint dr6)
    {
        cpu->State.PendingDebug |= dr6;
        cpu->Attention |= Attention.Events;
    }

    public void BlockNmi(bool blocked)
    {
        if (cpu->State.NmiBlocked != blocked)
        {
            cpu->State.NmiBlocked = blocked;
            cpu->Attention |= Attention.Events;
        }
    }

    public bool Commit() => Processor.CommitInstruction();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Delivering(byte vector, EventKind kind, uint? errorCode) => Processor.NoteDelivery(vector, kind, errorCode);

    private TlbEntry* TableOf(int cpl) => cpl == 3 ? cpu->UserTlb : cpu->SupervisorTlb;

    private uint Value(Register register) =>
        register == Register.None ? 0 :
        register.IsGPR16() ? (ushort)Gpr(register - Register.AX) :
        Gpr(register - Register.EAX);
}
