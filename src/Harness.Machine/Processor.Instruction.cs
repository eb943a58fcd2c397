namespace Harness.Machine;

/// <summary>The beginning and end of a system instruction or delivery: what makes it atomic.</summary>
public sealed unsafe partial class Processor
{
    /// <summary>Starts a system instruction: what it changes can be undone, what it writes is held back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Begin(Op* op)
    {
        _cpu->Executing = op;
        Begin(op->Eip, op->NextEip, op->Position);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Begin(uint eip, uint nextEip, int position)
    {
        _cpu->Keep();
        _cpu->Saved.Eip = eip;
        _cpu->InstructionEip = eip;
        _cpu->State.Eip = nextEip;
        _cpu->Position = position;
        _cpu->Holding = true;
        _cpu->HeldCount = 0;
        ForgetAttempt();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void NoteDelivery(byte vector, EventKind kind, uint? errorCode)
    {
        _isDelivering = true;
        _deliveredVector = vector;
        _deliveredKind = kind;
        _deliveredError = errorCode;
    }

    /// <summary>Completes or undoes it. An exit to a monitor has undone it already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void End(bool done)
    {
        _cpu->Holding = false;
        if (done)
        {
            if (_cpu->HeldCount != 0)
            {
                HeldWrites.Complete(_cpu);
            }

            NoteSystemChanges();
            _isDelivering = false;
        }
        else if (_cpu->Exit != Exit.Intercepted)
        {
            Undo();
        }

        _cpu->Position = 0;
    }

    /// <summary>What a system instruction or a delivery may have changed, the run loop must see.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void NoteSystemChanges()
    {
        _cpu->SelectTlb();
        CheckAlignmentAndWatch();
        bool enabled = (_cpu->State.OtherFlags & ~_cpu->Saved.OtherFlags & Eflags.IF) != 0;
        if (_cpu->IsGuest || (enabled && _bus.InterruptPending))
        {
            _cpu->Attention |= Attention.Events;
        }
    }

    /// <summary>An instruction that has committed cannot start again alone, as one that meets a device has to: it runs alone from its start.</summary>
    internal bool CommitInstruction()
    {
        if (!_cpu->Alone)
        {
            _cpu->Exit = Exit.RunAlone;
            return false;
        }

        HeldWrites.Complete(_cpu);
        NoteSystemChanges();
        _cpu->Keep();
        return true;
    }

    /// <summary>Back to the start of the instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Undo()
    {
        _cpu->Restore();
        _cpu->HeldCount = 0;
        _cpu->SelectTlb();
        CheckAlignmentAndWatch();
    }

    internal bool AskMonitor(InterceptKind kind, uint qualifier, uint value)
    {
        if (Intercepts is null)
        {
            return false;
        }

        if (!_cpu->Holding)
        {
            // A string instruction asks before it changes anything.
            _cpu->State.Eip = _cpu->InstructionEip;
            return Intercepts.Instruction(kind, qualifier, value) && !StateReplaced();
        }

        // The unit sees the state at the instruction's start; if it lets the instruction go on, what was done so far is put back.
        CpuState current = _cpu->State;
        int held = _cpu->HeldCount;
        Undo();
        if (Intercepts.Instruction(kind, qualifier, value))
        {
            return !StateReplaced();
        }

        _cpu->State = current;
        _cpu->HeldCount = held;
        _cpu->SelectTlb();
        return false;
    }
}
