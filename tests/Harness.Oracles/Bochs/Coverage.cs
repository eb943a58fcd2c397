using System.Globalization;
using System.Text;
using Harness.Oracles.Bochs.Cases;

namespace Harness.Oracles.Bochs;

/// <summary>How many recorded answers stand in each cell of mode × vector × gate type. The gate is the one that the case installed for the vector that arrived.</summary>
public sealed class Coverage
{
    /// <summary>The least number of answers that a possible cell must have.</summary>
    public const int Required = 20;

    private const int RealModeTable = 0;
    private readonly SortedDictionary<(CaseMode Mode, int Vector, int Gate), int> _counts = [];

    public int Total { get; private set; }

    public void Add(OracleBatch batch, IReadOnlyList<string> answers)
    {
        for (int i = 0; i < answers.Count; i++)
        {
            OracleCase one = batch.Cases[i];
            int vector = int.Parse(answers[i].Split(' ')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            Total++;
            if (vector == 6 && one.InvalidOpcodeEnds)
            {
                continue;
            }

            int gate = one.Mode == CaseMode.Real ? RealModeTable : one.Image.Memory[Layout.Idt + vector * 8 + 5] & 0x1F;
            var cell = (one.Mode, Math.Min(vector, CellTriggers.SoftwareInterrupt), gate);
            _counts[cell] = _counts.GetValueOrDefault(cell) + 1;
        }
    }

    /// <summary>Possible cells with fewer than <see cref="Required"/> answers.</summary>
    public IReadOnlyList<string> Shortfalls() =>
    [
        .. from mode in Enum.GetValues<CaseMode>()
           from vector in VectorCells.Vectors
           where VectorCells.IsPossible(mode, vector)
           from gate in GatesOf(mode)
           let count = _counts.GetValueOrDefault((mode, vector, gate))
           where count < Required
           select $"{mode}, vector {vector:x2}, {GateName(gate)}: {count} answers of {Required}",
    ];

    /// <summary>The table: a row per mode and gate type, a column per vector.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.Append($"{"mode",-12}{"gate",-12}");
        foreach (int vector in VectorCells.Vectors)
        {
            text.Append(vector == CellTriggers.SoftwareInterrupt ? " INT n" : $"{vector,6:x2}");
        }

        text.Append('\n');
        foreach (CaseMode mode in Enum.GetValues<CaseMode>())
        {
            foreach (int gate in GatesOf(mode))
            {
                text.Append($"{mode,-12}{GateName(gate),-12}");
                foreach (int vector in VectorCells.Vectors)
                {
                    string count = VectorCells.IsPossible(mode, vector) ? _counts.GetValueOrDefault((mode, vector, gate)).ToString(CultureInfo.InvariantCulture) : "-";
                    text.Append(count.PadLeft(6));
                }

                text.Append('\n');
            }
        }

        return text.Append("cases in total: ").Append(Total.ToString(CultureInfo.InvariantCulture)).Append('\n').ToString();
    }

    private static IEnumerable<int> GatesOf(CaseMode mode) => mode == CaseMode.Real ? [RealModeTable] : VectorCells.Gates.Select(gate => (int)gate);

    private static string GateName(int gate) => gate == RealModeTable ? "Ivt" : ((GateType)gate).ToString();
}
