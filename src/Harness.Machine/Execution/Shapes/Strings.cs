namespace Harness.Machine.Shapes;

/// <summary>MOVS, STOS, ...: alone or under REP, REPE, REPNE.</summary>
internal sealed class StringShape<TOperation> : Shape where TOperation : struct, IString
{
    public override Type Select(in Instruction i)
    {
        Type width = WidthFromBytes(i.MemorySize.GetSize());
        Type addressSize = Decoding.IsAddress16(i) ? typeof(Address16) : typeof(Address32);
        Type repeat = !i.HasRepPrefix && !i.HasRepnePrefix ? typeof(Once) : i.HasRepnePrefix ? typeof(WhileNotEqual) : typeof(WhileEqual);
        return Close(typeof(StringInstruction<,,,>), typeof(TOperation), width, addressSize, repeat);
    }

    public override bool EndsBlock(in Instruction i) => true;

    public override bool SeesResumeFlag => true;
}

internal readonly struct Once;

internal readonly struct WhileEqual;

internal readonly struct WhileNotEqual;

/// <summary>One tick an iteration; an interrupt, a fault or the end of the run may come between two of them (SDM Vol. 2B, REP).</summary>
internal static unsafe class StringInstruction<TOperation, T, TAddress, TRepeat>
    where TOperation : struct, IString
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    where TAddress : struct, IAddressSize
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Op* Run(Cpu* cpu, Op* op)
    {
        var port = new MachinePort(cpu);
        bool narrow = typeof(TAddress) == typeof(Address16);
        var operands = new StringOperands((SegmentName)((op->Segment - CpuLayout.Segments) / sizeof(SegmentRegister)), narrow, typeof(TRepeat) != typeof(Once));
        cpu->Ticks += op->Position;
        cpu->InstructionEip = op->Eip;
        cpu->Executing = op;
        if (typeof(TRepeat) == typeof(Once))
        {
            return TOperation.Execute<T, MachinePort>(ref port, operands) ? Done(cpu, op) : Incomplete(cpu, op);
        }

        nint handler = (nint)op->Handler;
        ref uint ecx = ref port.Gpr(1);
        uint count = narrow ? (ushort)ecx : ecx;
        if (count == 0)
        {
            return Done(cpu, op);
        }

        while (true)
        {
            if (!TOperation.Execute<T, MachinePort>(ref port, operands))
            {
                return Incomplete(cpu, op);
            }

            count--;
            ecx = narrow ? (ecx & 0xFFFF0000) | count : count;
            bool again = count != 0 && (!TOperation.Compares || cpu->State.Status.ZF == (typeof(TRepeat) == typeof(WhileEqual)));
            if (!again)
            {
                return Done(cpu, op);
            }

            cpu->Ticks++;
            // An iteration may overwrite the instruction: the next one is fetched anew, as it is where iterations run one at a time.
            bool overwritten = (nint)op->Handler != handler;
            if (cpu->Ticks >= cpu->Deadline || cpu->Attention != Attention.None || cpu->Alone || overwritten)
            {
                return Leave.To(cpu, op->Eip);
            }
        }
    }

    private static Op* Done(Cpu* cpu, Op* op)
    {
        cpu->Ticks++;
        return Leave.Resolve(cpu, op, &op->Next);
    }

    private static Op* Incomplete(Cpu* cpu, Op* op)
    {
        if (cpu->Exit != Exit.Intercepted)
        {
            cpu->State.Eip = op->Eip;
        }

        return null;
    }
}
