namespace Harness.Machine.Shapes;

/// <summary>An instruction that a hypothetical model makes privileged (<see cref="ProcessorModel.WithPrivileged"/>).</summary>
internal sealed class MadePrivilegedShape(Shape own) : Shape
{
    public override Type Select(in Instruction i) => typeof(MadePrivileged);

    public override bool EndsBlock(in Instruction i) => own.EndsBlock(i);

    public override bool SeesResumeFlag => own.SeesResumeFlag;
}

/// <summary>The check, then the instruction's own handler; looked up each time, because an op has no room for a second one.</summary>
internal static unsafe class MadePrivileged
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Op* Run(Cpu* cpu, Op* op)
    {
        if (cpu->State.Cpl != 0)
        {
            cpu->Fault = new Fault(Vector.GP, 0);
            cpu->Exit = Exit.Fault;
            return Leave.Incomplete(cpu, op);
        }

        Processor processor = Processor.Of(cpu);
        var own = (delegate*<Cpu*, Op*, Op*>)processor.OwnHandlerOf(in *op->Instruction);
        return own(cpu, op);
    }
}
