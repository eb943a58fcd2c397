namespace Harness.Machine.Shapes;

/// <summary>ADD, XOR, ...: the first operand is also the left one. IMUL has a form with three operands.</summary>
internal sealed class BinaryShape<TOperation> : Shape where TOperation : struct, IBinary
{
    public override Type Select(in Instruction i) => i.OpCount == 3
        ? Close(typeof(ThreeOperands<,,>), typeof(TOperation), WidthOf(i), Operand(i, 1, 1))
        : Close(typeof(Binary<,,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0), Operand(i, 1, 1));

    public override bool MayFuse(in Instruction i) => i.Op0Kind == OpKind.Register;
}

/// <summary>CMP, TEST.</summary>
internal sealed class CompareShape<TOperation> : Shape where TOperation : struct, ICompare
{
    public override Type Select(in Instruction i) => Close(typeof(Compare<,,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0), Operand(i, 1, 1));

    public override bool MayFuse(in Instruction i) => true;
}

/// <summary>target = f(target, source).</summary>
internal readonly unsafe struct Binary<TOperation, T, TTarget, TSource> : IBody
    where TOperation : struct, IBinary
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TTarget : struct, IOperand
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

        T* target = TTarget.Update<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        *target = TOperation.Execute(*target, *source, ref cpu->State.Status);
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}

/// <summary>target = f(source, immediate).</summary>
internal readonly unsafe struct ThreeOperands<TOperation, T, TSource> : IBody
    where TOperation : struct, IBinary
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
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

        *Register0.Update<T>(cpu, op) = TOperation.Execute(*source, *Immediate.Read<T>(cpu, op), ref cpu->State.Status);
        return true;
    }
}

/// <summary>Flags from two operands.</summary>
internal readonly unsafe struct Compare<TOperation, T, TLeft, TRight> : IBody
    where TOperation : struct, ICompare
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TLeft : struct, IOperand
    where TRight : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* left = TLeft.Read<T>(cpu, op);
        if (TLeft.MayFault && left == null)
        {
            return false;
        }

        T* right = TRight.Read<T>(cpu, op);
        if (TRight.MayFault && right == null)
        {
            return false;
        }

        TOperation.Execute(*left, *right, ref cpu->State.Status);
        return true;
    }
}
