using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>An instruction that the processor executed without a trap, in a state in which it means something else than to the guest.</summary>
/// <param name="Tick">The guest clock after it.</param>
/// <param name="Address">Of the instruction.</param>
/// <param name="Instruction">As text.</param>
/// <param name="Component">What of M or R makes the difference: "gdtr", "eflags.IF", "cs", "descriptor", ...</param>
public sealed record HarmfulExecution(long Tick, LinearAddress Address, string Instruction, string Component)
{
    public override string ToString() => $"{Instruction} at {Address}, tick {Tick}: {Component}";
}

/// <summary>
/// Looks at each sensitive instruction that runs directly, with the state in which the processor executed it and what the monitor's inverse map makes of that, and
/// keeps the first execution for which <see cref="HarmPredicate"/> holds. It knows nothing of what the guest did on the bare machine.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="monitor">Its monitor.</param>
/// <param name="level">Where only programs are compared, only theirs count.</param>
internal sealed class HarmWatch(GuestMachine machine, IMonitor monitor, EquivalenceLevel level)
{
    private readonly Processor _processor = machine.Host.Processor;
    private readonly GuestLinearMemory _guest = new(machine.Emulator, machine.GuestMemory);

    public HarmfulExecution? First { get; private set; }

    /// <summary>Call when the host's processor has completed an instruction of the guest.</summary>
    public void Retired(in Instruction instruction, LinearAddress address)
    {
        if (First is not null || !HarmPredicate.Covers(instruction))
        {
            return;
        }

        CpuState before = _processor.StateBefore;
        var raw = GuestRegisters.Of(ref before);
        GuestRegisters registers = raw;
        monitor.Translate(ref registers);
        if (level == EquivalenceLevel.Programs && registers.Cpl != 3)
        {
            return;
        }

        uint shown = _processor.IsGuest && _processor.Intercepts is { } unit ? unit.ReadControl(0, raw.Cr0) : raw.Cr0;
        bool hasDescriptors = (raw.SystemFlags & Eflags.VM) == 0;
        uint realLocal = before.Ldtr.Base;
        uint guestLocal = machine.Emulator.Segment(SegmentName.LDTR).Base;
        var guest = new ExecutionState(registers, registers.Cr0, hasDescriptors ? s => Find(registers, guestLocal, s, ReadGuest) : _ => null);
        var real = new ExecutionState(raw, shown, hasDescriptors ? s => Find(raw, realLocal, s, ReadReal) : _ => null);
        uint stack = before.Ss.Base + (before.Ss.IsBig ? raw.Esp : (ushort)raw.Esp);
        if (HarmPredicate.Component(instruction, guest, real, Loaded(instruction, ref before, stack), Image(instruction, stack)) is { } component)
        {
            First = new HarmfulExecution(_processor.Ticks, address, instruction.ToString(), component);
        }
    }

    private static Descriptor? Find(in GuestRegisters registers, uint local, ushort selector, Func<uint, int, ulong?> read)
    {
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
