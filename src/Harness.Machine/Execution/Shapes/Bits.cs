namespace Harness.Machine.Shapes;

/// <summary>BT, BTS, BTR, BTC.</summary>
internal sealed class BitTestShape<TOperation> : Shape where TOperation : struct, IBitTest
{
    public override Type Select(in Instruction i) => (i.Op0Kind, i.Op1Kind) switch
    {
        (OpKind.Memory, OpKind.Register) => Close(typeof(BitString<,,>), typeof(TOperation), WidthOf(i), AddressSize(i)),
        _ => Close(typeof(BitTest<,,,>), typeof(TOperation), WidthOf(i), Operand(i, 0, 0), Operand(i, 1, 1)),
    };
}

/// <summary>The bit number wraps within the operand.</summary>
internal readonly unsafe struct BitTest<TOperation, T, TTarget, TBit> : IBody
    where TOperation : struct, IBitTest
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TTarget : struct, IOperand
    where TBit : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Step(Cpu* cpu, Op* op)
    {
        T* target = TOperation.Writes ? TTarget.Update<T>(cpu, op) : TTarget.Read<T>(cpu, op);
        if (TTarget.MayFault && target == null)
        {
            return false;
        }

        T result = TOperation.Execute(*target, *TBit.Read<byte>(cpu, op) & (Width.Bits<T>() - 1), ref cpu->State.Status);
        if (TOperation.Writes)
        {
            *target = result;
            if (TTarget.MayFault)
            {
                LinearMemory.Commit(cpu, target);
            }
        }

        return true;
    }
}

/// <summary>A register's signed bit number reaches beyond the memory operand (SDM Vol. 2A, 3.1.1.9, BitBase and BitOffset).</summary>
internal readonly unsafe struct BitString<TOperation, T, TAddress> : IBody
    where TOperation : struct, IBitTest
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TAddress : struct, IAddressSize
{
    public static bool Step(Cpu* cpu, Op* op)
    {
        long bit = Width.SignExtend(*Register1.Read<T>(cpu, op));
        int bits = Width.Bits<T>();
        uint offset = TAddress.Offset(cpu, op) + (uint)((bit >> (bits == 16 ? 4 : 5)) * sizeof(T));
        if (typeof(TAddress) == typeof(Address16))
        {
            offset &= 0xFFFF;
        }

        SegmentRegister* segment = Op.SegmentOf(cpu, op);
        T* target = TOperation.Writes ? LinearMemory.Update<T>(cpu, segment, offset) : LinearMemory.Read<T>(cpu, segment, offset);
        if (target == null)
        {
            return false;
        }

        T result = TOperation.Execute(*target, (int)bit & (bits - 1), ref cpu->State.Status);
        if (TOperation.Writes)
        {
            *target = result;
            LinearMemory.Commit(cpu, target);
        }

        return true;
    }
}
