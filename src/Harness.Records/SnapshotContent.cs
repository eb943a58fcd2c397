namespace Harness.Records;

/// <summary>What the snapshot of one scenario shows: plain data, no machine.</summary>
/// <param name="Scenario">Id of the scenario; it names the file.</param>
/// <param name="Title">The scenario's title.</param>
/// <param name="Guests">The guests in order of first use.</param>
/// <param name="Records">The records of its runs in order, without the verdict. Not applicable engines included.</param>
public sealed record SnapshotContent(
    string Scenario, string Title, IReadOnlyList<SnapshotGuest> Guests, IReadOnlyList<RunRecord> Records)
{
    /// <summary>What was found out without a run, in order.</summary>
    public IReadOnlyList<SnapshotFact> Facts { get; init; } = [];

    /// <summary>Rows of a virtualization matrix.</summary>
    public IReadOnlyList<MatrixRecord> Matrix { get; init; } = [];
}

/// <summary>One guest program.</summary>
/// <param name="Name">Its name, unique in the scenario and the same whatever engines run ("guest 1", "guest 1 for paravirt").</param>
/// <param name="Image">Digest and size.</param>
/// <param name="Disassembly">Its lines, marks included.</param>
public sealed record SnapshotGuest(string Name, GuestImage Image, IReadOnlyList<string> Disassembly);

/// <summary>Something found out without running a guest.</summary>
/// <param name="Name">Unique in the scenario.</param>
/// <param name="Lines">What there is to say.</param>
public sealed record SnapshotFact(string Name, IReadOnlyList<string> Lines);
