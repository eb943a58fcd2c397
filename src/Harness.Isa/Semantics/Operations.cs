namespace Harness.Isa;

/// <summary>The encodings whose meaning the annotated type gives. The type is named as the mnemonic, so that it is found without a scan.</summary>
[AttributeUsage(AttributeTargets.Struct)]
public sealed class EncodingsAttribute(params Code[] codes) : Attribute
{
    public Code[] Codes { get; } = codes;
}

/// <summary>What must hold before the instruction looks at its operands.</summary>
public enum Privilege
{
    /// <summary>Any program may execute it.</summary>
    None,

    /// <summary>CPL 0, else #GP(0). Real-address mode counts as CPL 0, virtual-8086 mode as CPL 3.</summary>
    Supervisor,

    /// <summary>CPL at most IOPL, else #GP(0), unless CR4.VME or CR4.PVI is set: then the instruction itself decides.</summary>
    Iopl,

    /// <summary>The instruction itself decides, from IOPL, the I/O bitmap or a bit of CR4.</summary>
    Conditional,
}

/// <summary>Privilege and modes of an instruction; absent for an innocuous one.</summary>
[AttributeUsage(AttributeTargets.Struct)]
public sealed class InstructionAttribute(Privilege privilege) : Attribute
{
    public Privilege Privilege { get; } = privilege;

    /// <summary>#UD in real-address and virtual-8086 mode, before any privilege check.</summary>
    public bool ProtectedModeOnly { get; init; }

    /// <summary>
    /// The instruction stays within its basic block: it changes neither the instruction pointer, nor a segment register's hidden part that code is fetched
    /// through, nor a mode, nor a flag that lets an interrupt in.
    /// </summary>
    public bool StaysInBlock { get; init; }
}

/// <summary>destination = f(destination, source), or f(source 1, source 2) where there are three operands.</summary>
public interface IBinary
{
    static abstract T Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>Flags only.</summary>
public interface ICompare
{
    static abstract void Execute<T, TFlags>(T left, T right, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>destination = f(destination).</summary>
public interface IUnary
{
    static abstract T Execute<T, TFlags>(T value, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>destination = f(source), and the old destination stays when <c>false</c> comes back: BSF, BSR.</summary>
public interface IScan
{
    static abstract bool Execute<T, TFlags>(T source, out T result, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>Shifts and rotates; the count is as encoded, the operation masks it.</summary>
public interface IShift
{
    static abstract T Execute<T, TFlags>(T value, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>SHLD and SHRD: the filler supplies the bits shifted in.</summary>
public interface IDoubleShift
{
    static abstract T Execute<T, TFlags>(T value, T filler, byte count, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>BT, BTS, BTR, BTC: the bit is already reduced to the operand's width; the shape adds a register index to the address.</summary>
public interface IBitTest
{
    /// <summary>BT writes nothing back.</summary>
    static abstract bool Writes { get; }

    static abstract T Execute<T, TFlags>(T value, int bit, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>Destination wider than the source, no flags: MOVZX, MOVSX.</summary>
public interface IExtend
{
    static abstract TTo Execute<TFrom, TTo>(TFrom value)
        where TFrom : unmanaged
        where TTo : unmanaged;
}

/// <summary>The accumulator pair (AH:AL for bytes): high:low = f(high:low, source). False is a divide error, with nothing changed.</summary>
public interface IWide
{
    static abstract bool Execute<T, TFlags>(ref T low, ref T high, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>AX (AH:AL) and an immediate byte: AAA, AAD, AAM, AAS, DAA, DAS. False is a divide error, with nothing changed.</summary>
public interface IDecimal
{
    static abstract bool Execute<TFlags>(ref ushort ax, byte immediate, ref TFlags flags)
        where TFlags : struct, IFlags;
}

/// <summary>Flags alone: CLC, STC, CMC, SAHF and LAHF (through AH).</summary>
public interface IFlagOperation
{
    static abstract void Execute<TFlags>(ref byte ah, ref TFlags flags)
        where TFlags : struct, IFlags;
}

/// <summary>
/// CMPXCHG and XADD: two destinations. Both are written back, the destination last: it prevails where the accumulator or register is the same one.
/// </summary>
public interface IExchangeCompute
{
    /// <summary>CMPXCHG's other operand is the accumulator, XADD's its register.</summary>
    static abstract bool UsesAccumulator { get; }

    static abstract void Execute<T, TFlags>(ref T destination, ref T accumulator, T source, ref TFlags flags)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TFlags : struct, IFlags;
}

/// <summary>EAX and EDX without operands: CBW, CWDE, CWD, CDQ, SALC.</summary>
public interface IAccumulator
{
    static abstract void Execute<TFlags>(ref uint eax, ref uint edx, ref TFlags flags)
        where TFlags : struct, IFlags;
}

/// <summary>Jcc, SETcc or CMOVcc; <see cref="Conditions.Of"/> gives the condition of an encoding.</summary>
public interface IConditional;

/// <summary>A condition on the flags: Jcc, SETcc, CMOVcc (SDM Vol. 2, Appendix B, condition test field).</summary>
public interface ICondition
{
    static abstract bool Holds(in LazyFlags flags);
}

/// <summary>Pure data movement: MOV between general registers, memory and immediates. The operands say everything.</summary>
public interface IMove;

/// <summary>XCHG: two operands change places.</summary>
public interface IExchange;

/// <summary>NOP in all its forms: nothing is read and nothing changes.</summary>
public interface INop;

/// <summary>LEA: the address is the value.</summary>
public interface IAddress;

/// <summary>
/// An instruction in terms of a port. It may fault and may be intercepted: <c>false</c> means that the port has recorded which, and that nothing of it remains.
/// </summary>
public interface ISystem
{
    static abstract bool Execute<TPort>(ref TPort port, in Instruction instruction)
        where TPort : struct, IPort;
}

/// <summary>
/// One step of a string instruction (SDM Vol. 2, INS to STOS) on elements of T. The port advances by the direction flag; REP is the shape's business.
/// </summary>
public interface IString
{
    /// <summary>SCAS and CMPS: REPE and REPNE look at ZF after each step.</summary>
    static abstract bool Compares { get; }

    static abstract bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort;
}

/// <summary>The source's segment (after an override), whether SI, DI and CX are 16 bits wide, and whether a REP prefix is there.</summary>
public readonly record struct StringOperands(SegmentName Segment, bool Address16, bool Repeated);
