using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Vtx;
using Harness.Machine;
using Harness.Vmm;

namespace Harness.Tests.Engines;

/// <summary>A guest run to its end under VT-x with shadow paging, and on the bare machine beside it.</summary>
internal sealed class VtxRun
{
    public VtxRun(GuestImage image, GuestDevices? devices = null, long limit = 5_000_000, bool recordEffects = true)
    {
        var request = new RunRequest
        {
            Engine = new BareEngine(),
            Model = ModelRegistry.Load("yonah"),
            Guest = image,
            Costs = CostProfile.Load("pentium4-2005"),
            MaxInstructions = limit,
            KeepEvents = true,
            RecordEffects = recordEffects,
            Devices = devices ?? new GuestDevices(),
        };
        Bare = GuestRunner.Run(request);
        Vtx = GuestRunner.Run(request with { Engine = new VtxEngine() });
    }

    public EngineRun Bare { get; }

    public EngineRun Vtx { get; }

    public uint Eax => Vtx.Final.Eax;

    /// <summary>Events as "kind cause reason instruction detail", in order.</summary>
    public IReadOnlyList<string> Lines =>
        [.. Vtx.Ledger.All.Select(e => string.Join(' ', new[] { e.Kind.ToString(), e.Cause, e.Reason, e.Instruction, e.Detail }.Where(w => w.Length > 0)))];

    public IReadOnlyList<string> Exits => [.. Lines.Where(l => l.StartsWith("Exit ", StringComparison.Ordinal)).Select(l => l["Exit ".Length..])];

    public RegimeCounts Regime(string name) => Vtx.Retired.Regimes.FirstOrDefault(r => r.Name == name) ?? new RegimeCounts(name);

    /// <summary>Every step has the same effects at the same tick, and the guest's own events are the same.</summary>
    public VtxRun ShouldBeEquivalent()
    {
        Vtx.End.Should().Be(Bare.End, Vtx.StopReason);
        Equivalence.Compare(Bare, Vtx).Should().Be(new EquivalenceVerdict(true, null, null, false));
        Vtx.ResourceControl.Should().Be(new ResourceControl(true, ""));
        Vtx.MachineEvents.All.Should().Equal(Bare.MachineEvents.All);
        Vtx.Digest.Should().Be(Bare.Digest);
        (Vtx.Retired.Direct + Vtx.Retired.Emulated).Should().Be(Bare.Retired.Direct);
        Vtx.Retired.Regimes.Sum(r => r.Direct + r.Emulated).Should().Be(Vtx.Retired.Guest);
        return this;
    }
}
