namespace Harness.Machine.Shapes;

/// <summary>MOV.</summary>
internal sealed class MoveShape : Shape
{
    public override Type Select(in Instruction i) => Close(typeof(Move<,,>), WidthOf(i), Operand(i, 0, 0), Operand(i, 1, 1));

    public override bool MayFuse(in Instruction i) => i.Op0Kind == OpKind.Register;
}

/// <summary>MOVZX, MOVSX.</summary>
internal sealed class ExtendShape<TOperation> : Shape where TOperation : struct, IExtend
{
    public override Type Select(in Instruction i)
    {
        Type source = WidthFromBytes(i.Op1Kind == OpKind.Memory ? i.MemorySize.GetSize() : i.Op1Register.GetSize());
        return Close(typeof(Extend<,,,>), typeof(TOperation), source, WidthOf(i), Operand(i, 1, 1));
    }

    public override bool MayFuse(in Instruction i) => true;
}

/// <summary>LEA.</summary>
internal sealed class AddressShape : Shape
{
    public override Type Select(in Instruction i) => Close(typeof(Address<,>), WidthOf(i), AddressSize(i));

    public override bool MayFuse(in Instruction i) => true;
}

/// <summary>XCHG.</summary>
internal sealed class ExchangeShape : Shape
{
    public override Type Select(in Instruction i) => i.Op1Kind == OpKind.Memory
        ? Close(typeof(Exchange<,,>), WidthOf(i), Operand(i, 1, 1), typeof(Register0))
        : Close(typeof(Exchange<,,>), WidthOf(i), Operand(i, 0, 0), typeof(Register1));
}

/// <summary>CMPXCHG, XADD.</summary>
internal sealed class ExchangeComputeShape<TOperation> : Shape where TOperation : struct, IExchangeCompute
{
    public override Type Select(in Instruction i) => Close(typeof(ExchangeCompute<,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0));
}

/// <summary>NOP in its forms.</summary>
internal sealed class NopShape : Shape
{
    public override Type Select(in Instruction i) => typeof(Nothing);

    public override bool MayFuse(in Instruction i) => true;
}

internal readonly unsafe struct Nothing : IBody
{
    public static bool Step(Cpu* cpu, Op* op) => true;
}

/// <summary>target = source.</summary>
internal readonly unsafe struct Move<T, TTarget, TSource> : IBody
    where T : unmanaged
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

        // Fully spelled out, so that the call in the handler stays inlined.
        if (!TTarget.Write(cpu, op, *source))
        {
            return false;
        }

        return true;
    }
}

/// <summary>target = extended source.</summary>
internal readonly unsafe struct Extend<TOperation, T, TTo, TSource> : IBody
    where TOperation : struct, IExtend
    where T : unmanaged
    where TTo : unmanaged
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

        *Register0.Update<TTo>(cpu, op) = TOperation.Execute<T, TTo>(*source);
        return true;
    }
}

/// <summary>target = offset.</summary>
internal readonly unsafe struct Address<T, TAddress> : IBody
    where T : unmanaged
    where TAddress : struct, IAddressSize
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        *Register0.Update<T>(cpu, op) = Width.Truncate<T>(TAddress.Offset(cpu, op));
        return true;
    }
}

/// <summary>target and register change places.</summary>
internal readonly unsafe struct Exchange<T, TTarget, TRegister> : IBody
    where T : unmanaged
    where TTarget : struct, IOperand
    where TRegister : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* target = TTarget.Update<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        T* other = TRegister.Update<T>(cpu, op);
        (*target, *other) = (*other, *target);
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}

/// <summary>Accumulator or register, then the destination, which prevails where both are one register.</summary>
internal readonly unsafe struct ExchangeCompute<TOperation, T, TTarget> : IBody
    where TOperation : struct, IExchangeCompute
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

        T* source = Register1.Read<T>(cpu, op);
        T* other = TOperation.UsesAccumulator ? (T*)cpu->State.Registers : source;
        T destination = *target;
        T accumulator = *other;
        TOperation.Execute(ref destination, ref accumulator, *source, ref cpu->State.Status);
        *other = accumulator;
        *target = destination;
        if (TTarget.MayFault)
        {
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}
