namespace Harness.Machine.Shapes;

/// <summary>Jcc, SETcc and CMOVcc: by the condition of the encoding.</summary>
internal sealed class ConditionalShape : Shape
{
    public override Type Select(in Instruction i)
    {
        Type condition = Conditions.Of(i.ConditionCode);
        return i.IsJccShortOrNear ? Close(typeof(Branch<>), condition)
            : i.OpCount == 1 ? Close(typeof(Set<,>), condition, Operand(i, 0, 0))
            : Close(typeof(MoveIf<,,>), condition, WidthOf(i), Operand(i, 1, 1));
    }

    public override bool EndsBlock(in Instruction i) => i.IsJccShortOrNear;
}

/// <summary>To Target if the condition holds.</summary>
internal readonly unsafe struct Branch<TCondition> : IBlockEnd where TCondition : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op** Next(Cpu* cpu, Op* op) => TCondition.Holds(in cpu->State.Status) ? &op->Taken : &op->Next;
}

/// <summary>A branch whose target lies beyond the limit of the code segment: #GP(0) if it is taken (SDM Vol. 2A, Jcc).</summary>
internal readonly unsafe struct BranchBeyond<TCondition> : IBlockEnd where TCondition : struct, ICondition
{
    public static Op** Next(Cpu* cpu, Op* op)
    {
        if (!TCondition.Holds(in cpu->State.Status))
        {
            return &op->Next;
        }

        cpu->Fault = new Fault(Vector.GP, 0);
        cpu->Exit = Exit.Fault;
        return null;
    }
}

/// <summary>To Target.</summary>
internal readonly unsafe struct Jump : IBlockEnd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op** Next(Cpu* cpu, Op* op) => &op->Taken;
}

/// <summary>Ends a block that no branch ends. It stands for no instruction and takes no tick.</summary>
internal readonly unsafe struct FallThrough : IBlockEnd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op** Next(Cpu* cpu, Op* op) => &op->Next;
}

/// <summary>target = condition.</summary>
internal readonly unsafe struct Set<TCondition, TTarget> : IBody
    where TCondition : struct, ICondition
    where TTarget : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        if (!TTarget.Write(cpu, op, TCondition.Holds(in cpu->State.Status) ? (byte)1 : (byte)0))
        {
            return false;
        }

        return true;
    }
}

/// <summary>target = source if the condition holds; the source is read in any case.</summary>
internal readonly unsafe struct MoveIf<TCondition, T, TSource> : IBody
    where TCondition : struct, ICondition
    where T : unmanaged
    where TSource : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* source = TSource.Read<T>(cpu, op);
        if (TSource.MayFault && source == null)
        {
            return false;
        }

        if (TCondition.Holds(in cpu->State.Status))
        {
            *Register0.Update<T>(cpu, op) = *source;
        }

        return true;
    }
}
