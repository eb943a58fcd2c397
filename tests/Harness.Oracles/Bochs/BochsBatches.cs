using Harness.Oracles.Bochs.Cases;

namespace Harness.Oracles.Bochs;

/// <summary>Every batch, in the order of the fixtures. Creation is deterministic to the byte.</summary>
public static class BochsBatches
{
    private const int CasesPerBatch = 300;

    public static IEnumerable<OracleBatch> All() =>
    [
        .. Split("cells-real", GuestImage.CreateReal(), VectorCells.Create(CaseMode.Real)),
        .. Split("cells-v86", GuestImage.CreateVirtual8086(0), VectorCells.Create(CaseMode.Virtual8086)),
        .. Split("cells-cpl0", GuestImage.CreateProtected(), VectorCells.Create(CaseMode.Cpl0)),
        .. Split("cells-cpl1", GuestImage.CreateProtected().AtLevel(1), VectorCells.Create(CaseMode.Cpl1)),
        .. Split("cells-cpl2", GuestImage.CreateProtected().AtLevel(2), VectorCells.Create(CaseMode.Cpl2)),
        .. Split("cells-cpl3", GuestImage.CreateProtected().AtLevel(3), VectorCells.Create(CaseMode.Cpl3)),
        .. Split("inspection", GuestImage.CreateProtected(), DescriptorCases.Inspection()),
        .. Split("loads", GuestImage.CreateProtected(), DescriptorCases.Loads()),
        .. Split("transfers", GuestImage.CreateProtected(), DescriptorCases.Transfers()),
        .. Split("returns", GuestImage.CreateProtected(), ReturnCases.Create()),
        .. Split("tasks", GuestImage.CreateProtected(), TaskCases.Create()),
        .. Split("paging", GuestImage.CreateProtected().WithPaging(), PagingCases.Create(), casesPerBatch: 80),
        .. Split("v86", Virtual8086Cases.Base(), Virtual8086Cases.Create()),
        .. Split("ports", GuestImage.CreateProtected(), PortCases.Create()),
        .. Split("control", GuestImage.CreateProtected(), ControlCases.Create()),
        .. Split("limits", GuestImage.CreateProtected(), LimitCases.Create()),
        .. Split("stepping", GuestImage.CreateProtected(), SteppingCases.Create()),
    ];

    private static IEnumerable<OracleBatch> Split(string suite, GuestImage baseImage, IEnumerable<OracleCase> cases, int casesPerBatch = CasesPerBatch) =>
        cases.Chunk(casesPerBatch).Select((chunk, index) => new OracleBatch($"{suite}-{index + 1:d2}", baseImage, chunk));
}
