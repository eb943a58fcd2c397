namespace Harness.Machine.Shapes;

/// <summary>Instructions of a processor extension.</summary>
internal sealed class MachineShape<TOperation> : Shape where TOperation : struct, IMachineInstruction
{
    public override Type Select(in Instruction i) => typeof(MachineEnd<TOperation>);

    public override bool EndsBlock(in Instruction i) => true;

    public override bool SeesResumeFlag => true;
}

internal static unsafe class MachineEnd<TOperation> where TOperation : struct, IMachineInstruction
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Op* Run(Cpu* cpu, Op* op)
    {
        Processor processor = Processor.Of(cpu);
        processor.Begin(op);
        cpu->KeepAll();
        bool done = TOperation.Execute(processor, in *op->Instruction);
        processor.End(done);
        cpu->Ticks += done ? op->After : op->Position;
        return done ? Leave.Here(cpu) : null;
    }
}
