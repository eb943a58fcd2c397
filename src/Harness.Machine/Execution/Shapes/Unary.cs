namespace Harness.Machine.Shapes;

/// <summary>INC, DEC, NEG, NOT, BSWAP.</summary>
internal sealed class UnaryShape<TOperation> : Shape where TOperation : struct, IUnary
{
    public override Type Select(in Instruction i) => Close(typeof(Unary<,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0));

    public override bool MayFuse(in Instruction i) => i.Op0Kind == OpKind.Register;
}

/// <summary>Shifts and rotates by 1, CL or an immediate byte.</summary>
internal sealed class ShiftShape<TOperation> : Shape where TOperation : struct, IShift
{
    public override Type Select(in Instruction i) => Close(typeof(Shift<,,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0), Operand(i, 1, 1));

    public override bool MayFuse(in Instruction i) => i.Op0Kind == OpKind.Register;
}

/// <summary>SHLD, SHRD.</summary>
internal sealed class DoubleShiftShape<TOperation> : Shape where TOperation : struct, IDoubleShift
{
    public override Type Select(in Instruction i) =>
        Close(typeof(DoubleShift<,,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0), i.GetOpKind(2) == OpKind.Register ? typeof(RegisterCl) : typeof(Immediate));
}

/// <summary>BSF, BSR.</summary>
internal sealed class ScanShape<TOperation> : Shape where TOperation : struct, IScan
{
    public override Type Select(in Instruction i) => Close(typeof(Scan<,,>), typeof(TOperation), WidthOf(i), Operand(i, 1, 1));
}

/// <summary>MUL, IMUL, DIV, IDIV with the accumulator pair.</summary>
internal sealed class WideShape<TOperation> : Shape where TOperation : struct, IWide
{
    public override Type Select(in Instruction i) => Close(typeof(Wide<,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0));
}

/// <summary>The count register CL.</summary>
internal readonly unsafe struct RegisterCl : IOperand
{
    public static bool MayFault => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged => (T*)(cpu->State.Registers + 1);

    public static T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged => Read<T>(cpu, op);

    public static bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged
    {
        *Read<T>(cpu, op) = value;
        return true;
    }
}

/// <summary>target = f(target).</summary>
internal readonly unsafe struct Unary<TOperation, T, TTarget> : IBody
    where TOperation : struct, IUnary
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TTarget : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* target = TTarget.Update<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        *target = TOperation.Execute(*target, ref cpu->State.Status);
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}

/// <summary>target = f(target, count).</summary>
internal readonly unsafe struct Shift<TOperation, T, TTarget, TCount> : IBody
    where TOperation : struct, IShift
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TTarget : struct, IOperand
    where TCount : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* target = TTarget.Update<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        *target = TOperation.Execute(*target, *TCount.Read<byte>(cpu, op), ref cpu->State.Status);
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}

/// <summary>target = f(target, register, count).</summary>
internal readonly unsafe struct DoubleShift<TOperation, T, TTarget, TCount> : IBody
    where TOperation : struct, IDoubleShift
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TTarget : struct, IOperand
    where TCount : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* target = TTarget.Update<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        *target = TOperation.Execute(*target, *Register1.Read<T>(cpu, op), *TCount.Read<byte>(cpu, op), ref cpu->State.Status);
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}

/// <summary>register = f(source), or nothing.</summary>
internal readonly unsafe struct Scan<TOperation, T, TSource> : IBody
    where TOperation : struct, IScan
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

        if (TOperation.Execute(*source, out T result, ref cpu->State.Status))
        {
            *Register0.Update<T>(cpu, op) = result;
        }

        return true;
    }
}

/// <summary>high:low = f(high:low, source); the pair is AH:AL for bytes.</summary>
internal readonly unsafe struct Wide<TOperation, T, TSource> : IBody
    where TOperation : struct, IWide
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

        T* low = (T*)cpu->State.Registers;
        T* high = sizeof(T) == 1 ? low + 1 : (T*)(cpu->State.Registers + 2);
        T lowValue = *low;
        T highValue = *high;
        if (!TOperation.Execute(ref lowValue, ref highValue, *source, ref cpu->State.Status))
        {
            cpu->Fault = new Fault(Vector.DE, 0);
            cpu->Exit = Exit.Fault;
            return false;
        }

        *low = lowValue;
        *high = highValue;
        return true;
    }
}
