namespace Harness.Oracles.Bochs.Cases;

/// <summary>The cells of mode × vector × gate type, each with <see cref="PerCell"/> attempts.</summary>
internal static class VectorCells
{
    public static readonly IReadOnlyList<int> Vectors = [0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 17, CellTriggers.SoftwareInterrupt];

    public static readonly IReadOnlyList<GateType> Gates = [GateType.Interrupt16, GateType.Trap16, GateType.Interrupt32, GateType.Trap32, GateType.Task];

    private const int PerCell = 22;

    /// <summary>Whether a mode can raise a vector at all: real mode has no segment, task or page exceptions, and alignment is checked at CPL 3 only.</summary>
    public static bool IsPossible(CaseMode mode, int vector) => mode switch
    {
        CaseMode.Real => vector is not (10 or 11 or 14 or 17),
        CaseMode.Cpl0 or CaseMode.Cpl1 or CaseMode.Cpl2 => vector != 17,
        _ => true,
    };

    public static IEnumerable<OracleCase> Create(CaseMode mode)
    {
        foreach (int vector in Vectors.Where(vector => IsPossible(mode, vector)))
        {
            foreach (GateType? gate in mode == CaseMode.Real ? [null] : Gates.Select(gate => (GateType?)gate))
            {
                for (int index = 0; index < PerCell; index++)
                {
                    yield return Create(mode, vector, gate, index);
                }
            }
        }
    }

    private static OracleCase Create(CaseMode mode, int vector, GateType? gate, int index)
    {
        var c = new CellContext(mode, (uint)(((int)mode * 64 + vector) * 16 + (gate is { } type ? (int)type : 0)) * 64 + (uint)index);
        c.ScatterFlags();
        if (mode != CaseMode.Real && c.Pick(3) == 0)
        {
            c.Image.WithPaging(pae: vector != 14 && vector != 8 && c.Pick(2) == 0);
        }

        IReadOnlyList<Action> triggers = CellTriggers.For(vector, c);
        triggers[index % triggers.Count]();
        if (gate is { } installed)
        {
            Install(c, vector, installed);
        }

        string name = $"{mode}/{gate?.ToString() ?? "Ivt"}/{vector:x2}/{index:d2}";
        return new OracleCase(name, mode, c.Image, c.InvalidOpcodeEnds);
    }

    private static void Install(CellContext c, int vector, GateType gate)
    {
        GuestImage m = c.Image;
        if (gate == GateType.Task)
        {
            bool wide = c.Pick(2) == 0;
            m.Write32(Layout.HandlerTss32 + 0x20, (uint)Layout.Stub32(vector)).Write16(Layout.HandlerTss16 + 0x0E, Layout.Stub32(vector));
            m.Gate(vector, gate, handlerSelector: wide ? Layout.HandlerTss32Selector : Layout.HandlerTss16Selector);
            return;
        }

        // A handler's CPL may not exceed the interrupted one, and must be 0 for virtual-8086 mode (SDM Vol. 3A, 20.3.1). At CPL 3 the handler of
        // an alignment check would meet the next one.
        bool free = c.IsProtected && vector is not (8 or 17);
        int level = free && c.Cpl > 0 && c.Pick(3) == 0 ? c.Pick(c.Cpl + 1) : 0;
        int selector = free && c.Pick(8) == 0 ? Layout.ConformingHandler : Layout.HandlerCode(level);
        m.Gate(vector, gate, handlerSelector: selector);
        if (c.Pick(4) == 0)
        {
            m.Write16(Layout.MainTss + 8, Layout.Data16(0));
        }
    }
}
