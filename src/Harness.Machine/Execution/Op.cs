namespace Harness.Machine;

/// <summary>A decoded instruction. Registers and segments are byte offsets into <see cref="Cpu"/>, so AH needs no special case.</summary>
public unsafe struct Op
{
    public delegate*<Cpu*, Op*, Op*> Handler;

    /// <summary>What it was decoded from.</summary>
    public Instruction* Instruction;

    /// <summary>At a block's end: the linked successors, null until resolved.</summary>
    public Op* Taken;
    public Op* Next;
    public uint Immediate;
    public uint Displacement;
    public uint Eip;
    public uint Target;

    /// <summary>Byte offset of the memory operand's segment register in <see cref="Cpu"/>.</summary>
    public ushort Segment;

    public byte Register0;
    public byte Register1;
    public byte Base;
    public byte Index;
    public byte Scale;
    public byte Length;

    /// <summary>Ticks of the block that come before.</summary>
    public byte Position;

    /// <summary>Ticks of the block with this instruction: one more than <see cref="Position"/>, or as many for one that takes none.</summary>
    public byte After;

    /// <summary>As <see cref="CodeMark"/>.</summary>
    public byte Mark;

    /// <summary>Where EIP wraps: 16-bit code ends at FFFFh.</summary>
    public bool Wide;

    /// <summary>Offset of the following instruction.</summary>
    public readonly uint NextEip => Eip + Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SegmentRegister* SegmentOf(Cpu* cpu, Op* op) => (SegmentRegister*)((byte*)cpu + op->Segment);
}

/// <summary>The ways out of a chain of handlers; each leaves exact state behind.</summary>
internal static unsafe class Leave
{
    /// <summary>The instruction did not complete: <see cref="Cpu.Exit"/> says why.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Incomplete(Cpu* cpu, Op* op)
    {
        cpu->Ticks += op->Position;
        if (cpu->Exit != Exit.Intercepted)
        {
            cpu->State.Eip = op->Eip;
        }

        return null;
    }

    /// <summary>Postcondition: Eip is the outcome of the branch, and Link asks for its successor.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Resolve(Cpu* cpu, Op* op, Op** link)
    {
        cpu->State.Eip = link == &op->Taken ? op->Target : op->NextEip;
        cpu->Link = link;
        cpu->LinkEip = op->Eip;
        cpu->Exit = Exit.Resolve;
        return null;
    }

    /// <summary>Eip has been set by the instruction.</summary>
    public static Op* Here(Cpu* cpu)
    {
        cpu->Link = null;
        cpu->Exit = Exit.Resolve;
        return null;
    }

    public static Op* To(Cpu* cpu, uint eip)
    {
        cpu->State.Eip = eip;
        return Here(cpu);
    }

    /// <summary>Handler of an op whose code has been overwritten: the block is decoded again from here.</summary>
    public static Op* Stale(Cpu* cpu, Op* op)
    {
        cpu->Ticks += op->Position;
        return To(cpu, op->Eip);
    }
}
