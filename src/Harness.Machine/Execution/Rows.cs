using System.Reflection;
using Harness.Machine.Shapes;

namespace Harness.Machine;

/// <summary>An instruction that works on the processor itself rather than through the port: those of VT-x and AMD-V, whose state no port shows.</summary>
public interface IMachineInstruction
{
    /// <summary>False: a fault or an exit is recorded and nothing of the instruction remains.</summary>
    static abstract bool Execute(Processor processor, in Instruction instruction);
}

/// <summary>Finds the row of an encoding: a type named as its mnemonic, so that nothing is scanned and only what a guest uses is touched.</summary>
internal static class Rows
{
    private const string Namespace = "Harness.Isa.Instructions.";
    private static readonly Dictionary<Code, Shape?> Shapes = [];
    private static readonly Assembly Isa = typeof(LazyFlags).Assembly;

    /// <summary>The encodings that a row lists.</summary>
    public static IReadOnlyList<Code> EncodingsOf(Type row) =>
        row.GetCustomAttribute<EncodingsAttribute>()?.Codes ?? throw new ArgumentException($"{row} lists no encodings", nameof(row));

    /// <summary>Null: no row, and hence #UD on every model.</summary>
    public static Shape? For(in Instruction i)
    {
        lock (Shapes)
        {
            if (!Shapes.TryGetValue(i.Code, out Shape? shape))
            {
                Shapes[i.Code] = shape = Find(i) is { } row ? ShapeOf(row, i) : null;
            }

            return shape;
        }
    }

    public static Shape ForExtension(Type row) => (Shape)Activator.CreateInstance(typeof(MachineShape<>).MakeGenericType(row))!;

    /// <summary>The row type of an instruction, or null.</summary>
    public static Type? Find(in Instruction i)
    {
        string mnemonic = i.Mnemonic.ToString();
        foreach (string name in Names(mnemonic, i))
        {
            if (Isa.GetType(Namespace + name) is { } row && EncodingsOf(row).Contains(i.Code))
            {
                return row;
            }
        }

        return null;
    }

    private static IEnumerable<string> Names(string mnemonic, Instruction i)
    {
        if (i.ConditionCode != ConditionCode.None && !i.IsStringInstruction)
        {
            yield return i.IsJccShortOrNear ? "Jcc" : mnemonic.StartsWith("Set", StringComparison.Ordinal) ? "Setcc" : "Cmovcc";
        }

        yield return mnemonic;
        yield return mnemonic[..^1];
        yield return mnemonic + "Segment";
        yield return mnemonic + "Control";
        yield return mnemonic + "Debug";
        yield return mnemonic + "Far";
        yield return mnemonic + "Near";
        yield return mnemonic.StartsWith('F') || mnemonic == "Wait" ? "Coprocessor" : "Reservednop";
    }

    private static Shape? ShapeOf(Type row, in Instruction i)
    {
        Type? open = null;
        foreach (Type contract in row.GetInterfaces())
        {
            Type? candidate = ShapeOf(contract);
            open = candidate is null || (open is not null && !Prefers(candidate, i)) ? open : candidate;
        }

        return open is null ? null : (Shape)Activator.CreateInstance(open.IsGenericTypeDefinition ? open.MakeGenericType(row) : open)!;
    }

    /// <summary>IMUL has two shapes: with one operand it is the accumulator pair's.</summary>
    private static bool Prefers(Type candidate, in Instruction i) => candidate == typeof(WideShape<>) == (i.OpCount == 1);

    private static Type? ShapeOf(Type contract) =>
        contract == typeof(IBinary) ? typeof(BinaryShape<>) :
        contract == typeof(ICompare) ? typeof(CompareShape<>) :
        contract == typeof(IUnary) ? typeof(UnaryShape<>) :
        contract == typeof(IScan) ? typeof(ScanShape<>) :
        contract == typeof(IShift) ? typeof(ShiftShape<>) :
        contract == typeof(IDoubleShift) ? typeof(DoubleShiftShape<>) :
        contract == typeof(IBitTest) ? typeof(BitTestShape<>) :
        contract == typeof(IExtend) ? typeof(ExtendShape<>) :
        contract == typeof(IWide) ? typeof(WideShape<>) :
        contract == typeof(IDecimal) ? typeof(DecimalShape<>) :
        contract == typeof(IFlagOperation) ? typeof(FlagShape<>) :
        contract == typeof(IAccumulator) ? typeof(AccumulatorShape<>) :
        contract == typeof(IExchangeCompute) ? typeof(ExchangeComputeShape<>) :
        contract == typeof(IConditional) ? typeof(ConditionalShape) :
        contract == typeof(ISystem) ? typeof(SystemShape<>) :
        contract == typeof(IString) ? typeof(StringShape<>) :
        contract == typeof(IMove) ? typeof(MoveShape) :
        contract == typeof(IExchange) ? typeof(ExchangeShape) :
        contract == typeof(INop) ? typeof(NopShape) :
        contract == typeof(IAddress) ? typeof(AddressShape) :
        null;
}
