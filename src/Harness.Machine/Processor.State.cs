using Harness.Machine.State;

namespace Harness.Machine;

/// <summary>The processor's state as named elements: what is saved, restored and compared. Caches (TLB, decoded blocks) are derived anew.</summary>
public sealed unsafe partial class Processor : IStateful
{
    private static readonly string[] GeneralRegisters = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

    /// <inheritdoc/>
    public void Visit(IStateVisitor visitor)
    {
        ref CpuState state = ref _cpu->State;
        for (int number = 0; number < GeneralRegisters.Length; number++)
        {
            visitor.Value(GeneralRegisters[number], ref Register(number));
        }

        uint flags = _cpu->Flags;
        visitor.Value("eflags", ref flags);
        _cpu->Flags = flags;
        visitor.Value("eip", ref state.Eip);
        visitor.Value("cpl", ref state.Cpl);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            VisitSegment(visitor, name);
        }

        visitor.Value("gdtr", ref state.Gdtr);
        visitor.Value("idtr", ref state.Idtr);
        visitor.Value("system", ref state.System);
        visitor.Value("pendingDebug", ref state.PendingDebug);
        visitor.Value("shadow", ref state.Shadow);
        visitor.Value("activity", ref state.Activity);
        visitor.Value("nmiBlocked", ref state.NmiBlocked);
        visitor.Value("isGuest", ref _cpu->IsGuest);
        visitor.Value("ticks", ref _cpu->Ticks);
        visitor.Value("haltedTicks", ref _haltedTicks);
        visitor.Value("timeStampBase", ref _timeStampBase);
        for (int i = 0; i < _msrs.Length; i++)
        {
            visitor.Value($"msr.{Model.Msrs[i].Name}", ref _msrs[i]);
        }

        foreach (IMsrUnit unit in _msrUnits)
        {
            (unit as IStateful)?.Visit(visitor);
        }

        StateChanged();
    }

    private void VisitSegment(IStateVisitor visitor, SegmentName name)
    {
        ref SegmentRegister segment = ref Segment(name);
        visitor.Enter(name.ToString());
        visitor.Value("selector", ref segment.Selector);
        visitor.Value("base", ref segment.Base);
        visitor.Value("limit", ref segment.Limit);
        visitor.Value("rights", ref segment.Rights);
        visitor.Leave();
        segment.Derive();
    }
}
