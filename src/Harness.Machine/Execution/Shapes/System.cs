using System.Reflection;

namespace Harness.Machine.Shapes;

/// <summary>Everything that its row states in terms of the port.</summary>
internal sealed class SystemShape<TOperation> : Shape where TOperation : struct, ISystem
{
    public override Type Select(in Instruction i) =>
        SystemInstruction<TOperation>.Row is { StaysInBlock: true } ? typeof(SystemBody<TOperation>) : typeof(SystemEnd<TOperation>);

    public override bool EndsBlock(in Instruction i) => SystemInstruction<TOperation>.Row is not { StaysInBlock: true };

    public override bool SeesResumeFlag => true;
}

/// <summary>One system instruction, in the order of design: privilege, then all that its row says, then commit; or no trace of it.</summary>
internal static unsafe class SystemInstruction<TOperation> where TOperation : struct, ISystem
{
    public static readonly InstructionAttribute? Row = typeof(TOperation).GetCustomAttribute<InstructionAttribute>();
    private static readonly bool ProtectedModeOnly = Row is { ProtectedModeOnly: true };
    private static readonly bool Supervisor = Row is { Privilege: Privilege.Supervisor };
    private static readonly bool Iopl = Row is { Privilege: Privilege.Iopl };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Perform(Cpu* cpu, Op* op)
    {
        if (ProtectedModeOnly && ((cpu->State.System.Cr0 & Cr0.PE) == 0 || (cpu->State.OtherFlags & Eflags.VM) != 0))
        {
            return Fail(cpu, op, Vector.UD);
        }

        if (Supervisor && cpu->State.Cpl != 0)
        {
            return Fail(cpu, op, Vector.GP);
        }

        if (Iopl && cpu->State.Cpl > (int)((cpu->State.OtherFlags & Eflags.IOPL) >> Eflags.IoplShift) && (cpu->State.System.Cr4 & (Cr4.VME | Cr4.PVI)) == 0)
        {
            return Fail(cpu, op, Vector.GP);
        }

        Processor processor = Processor.Of(cpu);
        processor.Begin(op);
        var port = new MachinePort(cpu);
        bool done = TOperation.Execute(ref port, in *op->Instruction);
        processor.End(done);
        return done;
    }

    private static bool Fail(Cpu* cpu, Op* op, Vector vector)
    {
        cpu->State.Eip = op->Eip;
        cpu->Fault = new Fault(vector, 0);
        cpu->Exit = Exit.Fault;
        return false;
    }
}

/// <summary>A system instruction within a block.</summary>
internal readonly unsafe struct SystemBody<TOperation> : IBody where TOperation : struct, ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op) => SystemInstruction<TOperation>.Perform(cpu, op);
}

/// <summary>A system instruction that ends its block: EIP is its own to set.</summary>
internal static unsafe class SystemEnd<TOperation> where TOperation : struct, ISystem
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Op* Run(Cpu* cpu, Op* op)
    {
        bool done = SystemInstruction<TOperation>.Perform(cpu, op);
        cpu->Ticks += done ? op->After : op->Position;
        return done ? Leave.Here(cpu) : null;
    }
}
