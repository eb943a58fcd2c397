using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>An instruction that the processor executed without a trap, in a state in which it means something else than to the guest.</summary>
/// <param name="Tick">The guest clock after it.</param>
/// <param name="Address">Of the instruction.</param>
/// <param name="Instruction">As <see cref="InstructionFormat"/> writes it.</param>
/// <param name="Component">What of M or R makes the difference: "gdtr", "eflags.IF", "cs", "descriptor", ...</param>
public sealed record HarmfulExecution(long Tick, LinearAddress Address, string Instruction, string Component)
{
    public override string ToString() => $"{Instruction} at {Address}, tick {Tick}: {Component}";
}

/// <summary>
/// Looks at each sensitive instruction that runs directly, with the state in which the processor executed it and what the monitor's inverse map makes of that, and
/// keeps the first execution for which <see cref="HarmPredicate"/> holds. It knows nothing of what the guest did on the bare machine.
/// </summary>
/// <remarks>
/// Where only programs are compared, only theirs count, and the monitor knows of no virtual tables: a kernel against hypercalls has none of its own. What its
/// programs have to see then is what the kernel's image for the processor starts with, which it cannot change in either build.
/// </remarks>
/// <param name="machine">The machine.</param>
/// <param name="monitor">Its monitor.</param>
/// <param name="original">With <see cref="EquivalenceLevel.Programs"/>: the guest's image for the processor; else null.</param>
internal sealed class HarmWatch(GuestMachine machine, IMonitor monitor, GuestImage? original)
{
    private readonly Processor _processor = machine.Host.Processor;
    private readonly GuestLinearMemory _guest = new(machine.Emulator, machine.GuestMemory);

    /// <summary>Of the machine, or of each program by its CR3.</summary>
    private readonly SortedDictionary<uint, HarmfulExecution> _first = [];

    /// <summary>The first one, of several programs that of the first in the order in which they are compared; null: there is none.</summary>
    public HarmfulExecution? First => _first.Values.FirstOrDefault();

    /// <summary>Call when the host's processor has completed an instruction of the guest.</summary>
    public void Retired(in Instruction instruction, LinearAddress address)
    {
        if (HarmPredicate.Covers(instruction) && (original is not null || _first.Count == 0))
        {
            Examine(instruction, address);
        }
    }

    // Apart: what its lambdas capture would be allocated for each instruction.
    private void Examine(in Instruction instruction, LinearAddress address)
    {
        CpuState before = _processor.StateBefore;
        var raw = GuestRegisters.Of(ref before);
        GuestRegisters registers = raw;
        monitor.Translate(ref registers);
        uint shown = _processor.IsGuest && _processor.Intercepts is { } unit ? unit.ReadControl(0, raw.Cr0) : raw.Cr0;
        uint realLocal = before.Ldtr.Base;
        Func<ushort, Descriptor?> find = s => Find(raw, realLocal, s, ReadReal);
        var real = new ExecutionState(raw, shown, find);
        uint guestLocal = machine.Emulator.Segment(SegmentName.LDTR).Base;
        ExecutionState guest = original is null
            ? new ExecutionState(registers, registers.Cr0, s => Find(registers, guestLocal, s, ReadGuest))
            : OfProgram(original, registers, find);
        if (original is not null && registers.Cpl != 3)
        {
            return;
        }

        uint stack = before.Ss.Base + (before.Ss.IsBig ? raw.Esp : (ushort)raw.Esp);
        if (HarmPredicate.Component(instruction, guest, real, Loaded(instruction, ref before, stack), Image(instruction, stack)) is { } component)
        {
            _first.TryAdd(original is null ? 0 : registers.Cr3, new HarmfulExecution(_processor.Ticks, address, new InstructionFormat().Text(instruction), component));
        }
    }

    /// <summary>Accessed bits are taken from the tables in use: both builds load the same segments.</summary>
    private static ExecutionState OfProgram(GuestImage original, in GuestRegisters translated, Func<ushort, Descriptor?> inUse)
    {
        const ulong Accessed = 1ul << 40;
        GuestEntry entry = original.Entry;
        GuestRegisters registers = translated with
        {
            GdtrBase = entry.GdtBase,
            GdtrLimit = entry.GdtLimit,
            IdtrBase = entry.IdtBase,
            IdtrLimit = entry.IdtLimit,
            Ldtr = entry.Ldtr,
            Tr = entry.Tr,
        };
        uint control = Cr0.PE | Cr0.ET | entry.Cr0 | (translated.Cr3 == 0 ? 0 : Cr0.PG);
        return new ExecutionState(registers, control, selector => Find(registers, 0, selector, (address, _) => Read(original, address)) is { } d
            ? new Descriptor((d.Raw & ~Accessed) | ((inUse(selector)?.Raw ?? 0) & Accessed))
            : null);
    }

    private static ulong? Read(GuestImage image, uint address)
    {
        ulong? value = null;
        foreach (GuestBytes part in image.Contents)
        {
            ulong offset = address - part.Address.Value;
            if (address >= part.Address.Value && offset + sizeof(ulong) <= (ulong)part.Bytes.Length)
            {
                value = BinaryPrimitives.ReadUInt64LittleEndian(part.Bytes.Span[(int)offset..]);
            }
        }

        return value;
    }

    private static Descriptor? Find(in GuestRegisters registers, uint local, ushort selector, Func<uint, int, ulong?> read)
    {
        // Virtual-8086 mode, under which a monitor may run real mode, has no descriptors.
        if ((registers.SystemFlags & Eflags.VM) != 0 || (registers.Cr0 & Cr0.PE) == 0)
        {
            return null;
        }

        bool isLocal = Selector.IsLocal(selector);
        uint offset = selector & ~(uint)(Selector.RplMask | Selector.TableIndicator);
        return Selector.IsNull(selector) || (!isLocal && offset + 7 > registers.GdtrLimit) || (isLocal && registers.Ldtr == 0)
            ? null
            : read((isLocal ? local : registers.GdtrBase) + offset, sizeof(ulong)) is { } entry ? new Descriptor(entry) : null;
    }

    /// <summary>EFLAGS on the stack of POPF and IRET.</summary>
    private uint Image(in Instruction instruction, uint stack) => instruction.Mnemonic switch
    {
        Mnemonic.Popfd => (uint)(ReadReal(stack, 4) ?? 0),
        Mnemonic.Popf => (uint)(ReadReal(stack, 2) ?? 0),
        Mnemonic.Iretd => (uint)(ReadReal(stack + 8, 4) ?? 0),
        Mnemonic.Iret => (uint)(ReadReal(stack + 4, 2) ?? 0),
        _ => 0,
    };

    /// <summary>The selector that the instruction is about.</summary>
    private ushort Loaded(in Instruction instruction, ref CpuState before, uint stack) => instruction.Mnemonic switch
    {
        Mnemonic.Iretd or Mnemonic.Retf when instruction.Code is not (Code.Retfw or Code.Retfw_imm16) => Word(stack + 4),
        Mnemonic.Iret or Mnemonic.Retf => Word(stack + 2),
        Mnemonic.Pop => Word(stack),
        Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Mov => Operand(instruction, 1, ref before, 0),
        Mnemonic.Verr or Mnemonic.Verw => Operand(instruction, 0, ref before, 0),
        Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss => Operand(instruction, 1, ref before, instruction.Op0Register.GetSize()),
        _ when instruction.IsCallFar || instruction.IsJmpFar => instruction.FarBranchSelector,
        _ when instruction.IsCallFarIndirect || instruction.IsJmpFarIndirect => Operand(instruction, 0, ref before, instruction.MemorySize == MemorySize.SegPtr16 ? 2 : 4),
        _ => 0,
    };

    private ushort Word(uint linear) => (ushort)(ReadReal(linear, 2) ?? 0);

    private ushort Operand(in Instruction instruction, int operand, ref CpuState before, int offset)
    {
        CpuState state = before;
        return instruction.GetOpKind(operand) == OpKind.Register
            ? instruction.GetOpRegister(operand) is var register && register.IsSegmentRegister() ? (ushort)0 : (ushort)Value(ref state, register)
            : instruction.TryGetVirtualAddress(operand, 0, out ulong address, Read) ? Word((uint)address + (uint)offset) : (ushort)0;

        bool Read(Register register, int elementIndex, int elementSize, out ulong value)
        {
            value = Value(ref state, register);
            return true;
        }
    }

    /// <summary>A general register, or the base of a segment, which is what Iced asks for.</summary>
    private static unsafe uint Value(ref CpuState state, Register register) => register switch
    {
        Register.ES => state.Es.Base,
        Register.CS => state.Cs.Base,
        Register.SS => state.Ss.Base,
        Register.DS => state.Ds.Base,
        Register.FS => state.Fs.Base,
        Register.GS => state.Gs.Base,
        _ => (uint)state.Registers[register.GetFullRegister32() - Register.EAX],
    };

    private ulong? ReadReal(uint linear, int size)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        for (int i = 0; i < size; i++)
        {
            if (!_processor.TryTranslate(new LinearAddress(linear + (uint)i), write: false, user: false, out PhysicalAddress at))
            {
                return null;
            }

            machine.Host.PhysicalMemory.Read(at, bytes.Slice(i, 1));
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private ulong? ReadGuest(uint linear, int size)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        return _guest.Read(new LinearAddress(linear), bytes[..size], user: false) == size ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : null;
    }
}
