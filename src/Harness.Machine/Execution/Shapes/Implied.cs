namespace Harness.Machine.Shapes;

/// <summary>AAA, AAD, AAM, AAS, DAA, DAS.</summary>
internal sealed class DecimalShape<TOperation> : Shape where TOperation : struct, IDecimal
{
    public override Type Select(in Instruction i) => typeof(Decimal<TOperation>);
}

/// <summary>CLC, STC, CMC, SAHF, LAHF.</summary>
internal sealed class FlagShape<TOperation> : Shape where TOperation : struct, IFlagOperation
{
    public override Type Select(in Instruction i) => typeof(FlagOperation<TOperation>);
}

/// <summary>CBW, CWDE, CWD, CDQ, SALC.</summary>
internal sealed class AccumulatorShape<TOperation> : Shape where TOperation : struct, IAccumulator
{
    public override Type Select(in Instruction i) => typeof(Accumulator<TOperation>);
}

internal readonly unsafe struct Decimal<TOperation> : IBody where TOperation : struct, IDecimal
{
    public static bool Step(Cpu* cpu, Op* op)
    {
        ushort ax = (ushort)cpu->State.Registers[0];
        if (!TOperation.Execute(ref ax, (byte)op->Immediate, ref cpu->State.Status))
        {
            cpu->Fault = new Fault(Vector.DE, 0);
            cpu->Exit = Exit.Fault;
            return false;
        }

        *(ushort*)cpu->State.Registers = ax;
        return true;
    }
}

internal readonly unsafe struct FlagOperation<TOperation> : IBody where TOperation : struct, IFlagOperation
{
    public static bool Step(Cpu* cpu, Op* op)
    {
        TOperation.Execute(ref *((byte*)cpu->State.Registers + 1), ref cpu->State.Status);
        return true;
    }
}

internal readonly unsafe struct Accumulator<TOperation> : IBody where TOperation : struct, IAccumulator
{
    public static bool Step(Cpu* cpu, Op* op)
    {
        TOperation.Execute(ref *(uint*)cpu->State.Registers, ref *(uint*)(cpu->State.Registers + 2), ref cpu->State.Status);
        return true;
    }
}
