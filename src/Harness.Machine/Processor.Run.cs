namespace Harness.Machine;

/// <summary>The run loop: boundaries between instructions, blocks, and the delivery of events (SDM Vol. 3A, 6.9, Table 6-2).</summary>
public sealed unsafe partial class Processor
{
    private const uint BreakpointEnables = 0xFF;

    /// <summary>Runs until the clock reaches <paramref name="limit"/> or something ends the run first. The state is exact afterwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public RunExit Run(long limit)
    {
        _limit = limit;
        _cpu->Attention |= Attention.Events;
        while (true)
        {
            if (_cpu->Attention != Attention.None || _cpu->Ticks >= _horizon)
            {
                if (Boundary() is { } exit)
                {
                    return exit;
                }
            }

            if (IsSentinel())
            {
                return RunExit.Sentinel;
            }

            bool alone = MustRunAlone();
            if (alone ? Step() : RunChain())
            {
                continue;
            }

            if (AfterIncomplete() is { } end)
            {
                return end;
            }
        }
    }

    /// <summary>Runs blocks until one has no successor yet. True: whatever ran has completed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool RunChain()
    {
        uint eip = _cpu->State.Eip;
        Block? block = _blocks.At(eip, alone: false);

        // Read only now: finding the block may have dropped the one that wants the link.
        Op** link = _cpu->Link;
        _cpu->Link = null;
        if (block is null)
        {
            return false;
        }

        if (link != null && _blocks.MayLink(_cpu->LinkEip, block))
        {
            *link = block.First;
        }

        // RF is clear once an instruction has completed. One that cannot tell need not run alone for that.
        bool resume = (_cpu->State.OtherFlags & Eflags.RF) != 0;
        if (resume && block.SeesResumeFlag)
        {
            return Step();
        }

        _cpu->State.OtherFlags &= ~Eflags.RF;
        long start = _cpu->Ticks;
        _cpu->ChainLimit = _horizon - Blocks.Longest + 1;
        _cpu->Deadline = _horizon;
        block.First->Handler(_cpu, block.First);
        if (resume && _cpu->Ticks == start)
        {
            _cpu->State.OtherFlags |= Eflags.RF;
        }

        return _cpu->Exit == Exit.Resolve;
    }

    /// <summary>Runs one instruction, or one iteration under REP, with everything that may come with it. True: it has completed.</summary>
    private bool Step()
    {
        _aloneOnce = false;
        uint eip = _cpu->State.Eip;
        if (BreaksAt(_cpu->State.Cs.Base + eip, out uint hit))
        {
            _cpu->State.PendingDebug = 0;
            RaiseDebugFault(hit);
            return true;
        }

        bool trap = (_cpu->State.OtherFlags & Eflags.TF) != 0;
        bool resume = (_cpu->State.OtherFlags & Eflags.RF) != 0;
        _heldDebug = _cpu->State.PendingDebug;
        _cpu->ActiveShadow = _cpu->State.Shadow;
        _cpu->State.Shadow = Shadow.None;
        Block? block = _blocks.At(eip, alone: true);
        if (block is null)
        {
            // The shadow still holds: an exit for the fault has to tell the monitor of it.
            return false;
        }

        StepCodeBase = _cpu->State.Cs.Base;
        StepMark = block.First->Mark;
        _cpu->Alone = true;
        _cpu->ChainLimit = 0;
        _cpu->Deadline = _horizon;
        _cpu->Link = null;
        block.First->Handler(_cpu, block.First);
        _cpu->Alone = false;
        _cpu->Link = null;
        if (_cpu->Exit != Exit.Resolve)
        {
            return false;
        }

        ref readonly Instruction instruction = ref *block.First->Instruction;
        bool again = _cpu->State.Eip == eip && (instruction.HasRepPrefix || instruction.HasRepnePrefix) && instruction.IsStringInstruction;
        if (resume && !again && !LoadsResumeFlag(instruction))
        {
            _cpu->State.OtherFlags &= ~Eflags.RF;
        }

        // INT n, INT3, INTO and INT1 enter their handler with TF clear, and no trap is left of the instruction (SDM Vol. 3B, 17.3.1.4).
        if (trap && !(IsSoftwareInterrupt(instruction.Code) && (_cpu->State.OtherFlags & Eflags.TF) == 0))
        {
            _cpu->State.PendingDebug |= DebugBits.BS;
        }

        // A trap after an iteration that is not the last pushes RF as 1 (SDM Vol. 3B, 17.3.1.1).
        if (again && _cpu->State.PendingDebug != 0)
        {
            _cpu->State.OtherFlags |= Eflags.RF;
        }

        if (_cpu->ActiveShadow != Shadow.None || _cpu->State.PendingDebug != 0 || _cpu->IsGuest)
        {
            _cpu->Attention |= Attention.Events;
        }

        _cpu->ActiveShadow = Shadow.None;
        if (CodeMark.Ticks(StepMark) != 0)
        {
            _observer?.Retired(instruction);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool MustRunAlone() =>
        _aloneOnce || _observer is not null || (_cpu->State.OtherFlags & Eflags.TF) != 0 || (_cpu->State.System.Dr7 & BreakpointEnables) != 0
        || _cpu->State.Shadow != Shadow.None || _horizon - _cpu->Ticks < Blocks.Longest;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsSentinel() =>
        _sentinelLength != 0 && _cpu->State.Cpl == 0 && (_cpu->State.OtherFlags & Eflags.VM) == 0
        && _cpu->State.Cs.Base + _cpu->State.Eip - _sentinelStart < _sentinelLength && !IsGuest;

    /// <summary>What is due between two instructions, highest priority first. Null: go on.</summary>
    private RunExit? Boundary()
    {
        while (true)
        {
            Attention attention = _cpu->Attention;
            _cpu->Attention = Attention.None;
            if ((attention & Attention.Stop) != 0 || _bus.StopRequested)
            {
                return RunExit.Stopped;
            }

            if (_cpu->State.Activity == Activity.Shutdown)
            {
                return RunExit.Shutdown;
            }

            if (IsSentinel())
            {
                return RunExit.Sentinel;
            }

            if (StopsInUserMode && InUserMode)
            {
                return RunExit.UserMode;
            }

            // A monitor cannot act for a device where MOV SS blocks interrupts: so that memory changes at one place under all, nobody does.
            if (_cpu->Ticks >= _bus.NextDeadline && _cpu->State.Shadow != Shadow.MovSs)
            {
                _bus.AdvanceTo(_cpu->Ticks);
            }

            _horizon = Math.Min(_limit, _bus.NextDeadline);
            if (_cpu->Ticks >= _limit)
            {
                _cpu->Attention |= Attention.Events;
                return RunExit.Limit;
            }

            if (DeliverPending())
            {
                _cpu->Attention |= Attention.Events;
                continue;
            }

            if (_cpu->State.Activity != Activity.Halted)
            {
                return null;
            }

            // Without IF only an NMI or a monitor's exit could end HLT.
            bool deaf = (_cpu->State.OtherFlags & Eflags.IF) == 0 && !IsGuest && (_cpu->State.NmiBlocked || !_bus.NmiComes);
            if (_bus.NextDeadline == long.MaxValue || deaf)
            {
                _cpu->Attention |= Attention.Events;
                return RunExit.HaltedForever;
            }

            long wake = Math.Min(_limit, _bus.NextDeadline);
            HaltedTicks += wake - _cpu->Ticks;
            _cpu->Ticks = wake;
        }
    }

    /// <summary>One debug trap, NMI or interrupt, if one is due and not blocked. True: look again.</summary>
    private bool DeliverPending()
    {
        ref CpuState state = ref _cpu->State;
        if (state.PendingDebug != 0 && state.Shadow != Shadow.MovSs)
        {
            uint cause = state.PendingDebug;
            state.PendingDebug = 0;
            if (IsGuest && Intercepts!.Exception(Vector.DB, EventKind.Trap, cause))
            {
                return true;
            }

            EnterDebugHandler(cause, EventKind.Trap);
            return true;
        }

        if (_bus.NmiPending && !state.NmiBlocked && state.Shadow != Shadow.MovSs)
        {
            if (IsGuest && Intercepts!.Nmi())
            {
                return true;
            }

            _bus.AcknowledgeNmi();
            Deliver((byte)Vector.NMI, EventKind.Nmi, null, state.Eip);
            state.NmiBlocked = true;
            return true;
        }

        if (IsGuest && Intercepts!.Boundary())
        {
            return true;
        }

        if (_bus.InterruptPending)
        {
            if (IsGuest && Intercepts!.ExternalInterrupt())
            {
                return true;
            }

            if ((state.OtherFlags & Eflags.IF) != 0 && state.Shadow == Shadow.None)
            {
                Deliver(_bus.AcknowledgeInterrupt(), EventKind.ExternalInterrupt, null, state.Eip);
                return true;
            }
        }

        return false;
    }

    /// <summary>A fault, an exit or a device access out of a chain. Null: go on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private RunExit? AfterIncomplete()
    {
        switch (_cpu->Exit)
        {
            case Exit.RunAlone:
                _aloneOnce = true;
                UndoAttempt();
                _isDelivering = false;
                return null;
            case Exit.Intercepted:
                _cpu->ActiveShadow = Shadow.None;
                _isDelivering = false;
                _cpu->Attention |= Attention.Events;
                return null;
            default:
                // What the instruction would have trapped on is gone with it.
                _cpu->State.PendingDebug = 0;
                Fault fault = _cpu->Fault;
                if (fault.Vector == Vector.DB)
                {
                    return RaiseDebugFault(fault.ErrorCode);
                }

                uint? error = Vectors.HasErrorCode(fault.Vector) ? fault.ErrorCode : null;
                EventKind kind = EventKind.Fault;
                if (!(IsGuest && Intercepts!.Exception(fault.Vector, kind, error)))
                {
                    SetFaultAddress(fault);
                    Deliver((byte)fault.Vector, kind, error, _cpu->State.Eip);
                }

                _isDelivering = false;
                if (IsGuest || _cpu->ActiveShadow != Shadow.None || _cpu->State.Activity != Activity.Active)
                {
                    _cpu->Attention |= Attention.Events;
                }

                _cpu->ActiveShadow = Shadow.None;
                return null;
        }
    }

    /// <summary>
    /// Enters the handler of an event, which ends HLT. A fault on the way leads to the next: a double fault (SDM Vol. 3A, Table 6-5), then shutdown.
    /// </summary>
    public void Deliver(byte vector, EventKind kind, uint? errorCode, uint returnEip)
    {
        DeliverOrEscalate(vector, kind, errorCode, returnEip);
        _isDelivering = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DeliverOrEscalate(byte vector, EventKind kind, uint? errorCode, uint returnEip)
    {
        ref CpuState state = ref _cpu->State;
        state.Activity = Activity.Active;
        state.Shadow = Shadow.None;
        bool isException = kind is not (EventKind.ExternalInterrupt or EventKind.Nmi or EventKind.SoftwareInterrupt);
        bool misaligned = isException && vector == (byte)Vector.AC;
        while (true)
        {
            Events?.Delivering(vector, kind, errorCode, returnEip, state.Cpl);
            if (TryDeliver(vector, kind, errorCode, returnEip))
            {
                int ticks = IsGuest ? 1 : TicksPerDelivery;
                _cpu->Ticks += ticks;
                Deliveries += ticks;
                return;
            }

            if (_cpu->Exit == Exit.Intercepted)
            {
                return;
            }

            // A monitor that wants the second exception gets it as such, with the first as the event in delivery (SDM Vol. 3C, 25.2 and 27.2.3).
            Fault second = _cpu->Fault;
            uint? secondError = Vectors.HasErrorCode(second.Vector) ? second.ErrorCode : null;
            if (IsGuest && Intercepts!.Exception(second.Vector, EventKind.Fault, secondError))
            {
                return;
            }

            SetFaultAddress(second);
            if (isException && vector == (byte)Vector.DF && (Vectors.IsContributory(second.Vector) || second.Vector == Vector.PF))
            {
                if (!(IsGuest && Intercepts!.TripleFault()))
                {
                    state.Activity = Activity.Shutdown;
                }

                return;
            }

            bool doubled = isException
                && ((Vectors.IsContributory((Vector)vector) && Vectors.IsContributory(second.Vector))
                    || (vector == (byte)Vector.PF && (Vectors.IsContributory(second.Vector) || second.Vector == Vector.PF)));
            vector = doubled ? (byte)Vector.DF : (byte)second.Vector;
            errorCode = doubled ? 0 : secondError;
            kind = EventKind.Fault;
            isException = true;
            returnEip = state.Eip;
            if (doubled && IsGuest && Intercepts!.Exception(Vector.DF, kind, errorCode))
            {
                return;
            }

            // #AC never becomes a double fault (SDM Vol. 3A, Table 6-4): where its delivery raises it again, a processor makes no progress for ever. Each
            // round costs a tick here, so that the limit ends it; the instruction starts again, and what was being delivered at first is lost.
            if (vector == (byte)Vector.AC && misaligned)
            {
                _cpu->Ticks++;
                return;
            }

            misaligned |= vector == (byte)Vector.AC;
        }
    }

    private void SetFaultAddress(Fault fault)
    {
        if (fault.Vector == Vector.PF)
        {
            _cpu->State.System.Cr2 = fault.Address;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryDeliver(byte vector, EventKind kind, uint? errorCode, uint returnEip)
    {
        uint eip = _cpu->State.Eip;
        bool alone = _cpu->Alone;
        _cpu->Alone = true;
        Begin(eip, eip, 0);
        var port = new MachinePort(_cpu);
        bool done = EventDelivery.Deliver(ref port, vector, kind, errorCode, returnEip);
        End(done);
        _cpu->Alone = alone;
        return done;
    }

    /// <summary>An enabled instruction breakpoint at the address, unless RF suppresses it (SDM Vol. 3B, 17.3.1.1).</summary>
    private bool BreaksAt(uint linear, out uint hit)
    {
        hit = 0;
        uint dr7 = _cpu->State.System.Dr7;
        if ((dr7 & BreakpointEnables) == 0 || (_cpu->State.OtherFlags & Eflags.RF) != 0 || _cpu->State.Shadow == Shadow.MovSs)
        {
            return false;
        }

        bool any = false;
        for (int i = 0; i < 4; i++)
        {
            if ((dr7 >> (16 + 4 * i) & 3) == 0 && DebugAddress(i) == linear)
            {
                hit |= 1u << i;
                any |= (dr7 >> (2 * i) & 3) != 0;
            }
        }

        return any;
    }

    /// <summary>An instruction breakpoint, which pushes RF as it is, or a general-detect fault, which pushes it set (SDM Vol. 3B, 17.3.1.1).</summary>
    private RunExit? RaiseDebugFault(uint dr6)
    {
        _cpu->Attention |= Attention.Events;
        _cpu->ActiveShadow = Shadow.None;
        if (!(IsGuest && Intercepts!.Exception(Vector.DB, EventKind.Fault, dr6)))
        {
            EnterDebugHandler(dr6, (dr6 & DebugBits.BD) != 0 ? EventKind.Fault : EventKind.Trap);
        }

        _isDelivering = false;
        return null;
    }

    /// <summary>#DB through the program's own tables; DR7.GD is clear in the handler (SDM Vol. 3B, 17.2.4).</summary>
    private void EnterDebugHandler(uint dr6, EventKind kind)
    {
        _cpu->State.System.Dr6 |= dr6;
        _cpu->State.System.Dr7 &= ~DebugBits.GD;
        Deliver((byte)Vector.DB, kind, null, _cpu->State.Eip);
    }

    private static bool LoadsResumeFlag(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Iret or Mnemonic.Iretd;

    private static bool IsSoftwareInterrupt(Code code) => code is Code.Int_imm8 or Code.Int3 or Code.Into or Code.Int1;
}
