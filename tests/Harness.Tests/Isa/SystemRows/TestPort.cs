using System.Runtime.CompilerServices;
using Harness.Isa;
using Iced.Intel;

namespace Harness.Tests.Isa;

/// <summary>The port over a <see cref="TestMachine"/>.</summary>
internal readonly struct TestPort(TestMachine machine) : IPort
{
    public ref uint Eip => ref machine.Now.Eip;

    public uint InstructionEip => machine.InstructionEip;

    public uint Flags
    {
        get => NonStatusFlags | machine.Now.Status.Status;
        set
        {
            NonStatusFlags = value;
            machine.Now.Status.SetStatus(value & Eflags.Status);
        }
    }

    public uint NonStatusFlags
    {
        get => machine.Now.Flags;
        set => machine.Now.Flags = value & ~Eflags.Status;
    }

    public ref LazyFlags StatusFlags => ref machine.Now.Status;

    public int Cpl
    {
        get => machine.Now.Cpl;
        set => machine.Now.Cpl = value;
    }

    public ref readonly DescriptorTableRegister Gdtr => ref machine.Now.Gdtr;

    public ref readonly DescriptorTableRegister Idtr => ref machine.Now.Idtr;

    public ref readonly SystemRegisters System => ref machine.Now.System;

    public bool IsGuest => machine.Intercept != null;

    public ulong TimeStamp => 0x1_0000_0002;

    public ref uint Gpr(int number) => ref machine.Now.Gpr[number];

    public ref readonly SegmentRegister Segment(SegmentName name) => ref machine.Now.Segments[(int)name];

    public ref SegmentRegister Change(SegmentName name) => ref machine.Now.Segments[(int)name];

    public ref DescriptorTableRegister ChangeGdtr() => ref machine.Now.Gdtr;

    public ref DescriptorTableRegister ChangeIdtr() => ref machine.Now.Idtr;

    public ref SystemRegisters ChangeSystem() => ref machine.Now.System;

    public bool Has(Feature feature) => machine.Features.Contains(feature);

    public uint DefinedFlags => Mode.DefinedFlags(Has);

    public bool Read<T>(SegmentName segment, uint offset, out T value) where T : unmanaged
    {
        value = default;
        return Probe(segment, offset, (uint)Unsafe.SizeOf<T>(), false) && ReadSystem(Segment(segment).Base + offset, out value);
    }

    public bool Write<T>(SegmentName segment, uint offset, T value) where T : unmanaged =>
        Probe(segment, offset, (uint)Unsafe.SizeOf<T>(), true) && machine.Store(Segment(segment).Base + offset, value);

    public bool Probe(SegmentName segment, uint offset, uint size, bool write)
    {
        if (!Segment(segment).Allows(offset, size, write))
        {
            return Fault(segment == SegmentName.SS ? Vector.SS : Vector.GP);
        }

        return machine.Translate(Segment(segment).Base + offset, (int)size);
    }

    public bool ReadSystem<T>(uint linear, out T value) where T : unmanaged
    {
        bool done = machine.Translate(linear, Unsafe.SizeOf<T>());
        value = done ? machine.Get<T>(linear) : default;
        return done;
    }

    public bool WriteSystem<T>(uint linear, T value) where T : unmanaged => machine.Store(linear, value);

    public bool ReadPhysical(ulong address, out ulong value)
    {
        value = machine.Get<ulong>((uint)address);
        return true;
    }

    public bool ReadStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, out T value) where T : unmanaged
    {
        value = default;
        return (stack.Allows(offset, (uint)Unsafe.SizeOf<T>(), false) || Fault(Vector.SS, errorCode)) && ReadSystem(stack.Base + offset, out value);
    }

    public bool WriteStack<T>(in SegmentRegister stack, uint offset, int cpl, uint errorCode, T value) where T : unmanaged =>
        (stack.Allows(offset, (uint)Unsafe.SizeOf<T>(), true) || Fault(Vector.SS, errorCode)) && machine.Store(stack.Base + offset, value);

    public ref SegmentMemo Memo(SegmentRole role) => ref machine.Memos[(int)role];

    public bool ProbeSystem(uint linear, uint size, bool write) => machine.Translate(linear, (int)size);

    public uint EffectiveAddress(in Instruction instruction, out SegmentName segment)
    {
        segment = Operand.Segment(instruction.MemorySegment);
        uint offset = Value(instruction.MemoryBase) + Value(instruction.MemoryIndex) * (uint)instruction.MemoryIndexScale + instruction.MemoryDisplacement32;
        return offset & Operand.AddressMask(in instruction);
    }

    public bool Fault(Vector vector, uint errorCode = 0)
    {
        machine.Fault = (vector, errorCode);
        return false;
    }

    public bool Intercepted(InterceptKind kind, uint qualifier = 0, uint value = 0)
    {
        if (machine.Intercept != kind)
        {
            return false;
        }

        machine.Exit = (kind, qualifier, value);
        return true;
    }

    public uint ReadControl(int number) => number switch
    {
        0 => System.Cr0,
        2 => System.Cr2,
        3 => System.Cr3,
        _ => System.Cr4,
    };

    public uint FilterControlWrite(int number, uint value) => value;

    public bool AllowsControl(int number, uint value) => true;

    public uint In(ushort port, int size) => machine.PortInput;

    public void Out(ushort port, int size, uint value) => machine.Written.Add((port, size, value));

    public bool ReadMsr(uint number, out ulong value) => machine.Msrs.TryGetValue(number, out value);

    public bool WriteMsr(uint number, ulong value)
    {
        bool known = machine.Msrs.ContainsKey(number);
        if (known)
        {
            machine.Msrs[number] = value;
        }

        return known;
    }

    public (uint Eax, uint Ebx, uint Ecx, uint Edx) Cpuid(uint leaf, uint subleaf) => (leaf, 1, 2, 3);

    public void FlushTlb(bool global) => machine.Flushes++;

    public void InvalidatePage(uint linear) => machine.Flushes++;

    public void Pause()
    {
    }

    public void Halt() => machine.Halted = true;

    public void InhibitInterrupts(bool all) => machine.Inhibited = all;

    public void PendDebugTrap(uint dr6) => machine.DebugTrap = dr6;

    public void BlockNmi(bool blocked) => machine.NmiBlocked = blocked;

    public bool Commit() => machine.Commit();

    private uint Value(Register register) => register switch
    {
        Register.None => 0,
        < Register.EAX => (ushort)Gpr(register - Register.AX),
        _ => Gpr(register - Register.EAX),
    };
}
