namespace Harness.Machine;

/// <summary>How base, index and displacement become an offset.</summary>
internal unsafe interface IAddressSize
{
    static abstract uint Offset(Cpu* cpu, Op* op);
}

internal readonly unsafe struct Address32 : IAddressSize
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Offset(Cpu* cpu, Op* op) =>
        *(uint*)((byte*)cpu + op->Base) + (*(uint*)((byte*)cpu + op->Index) << op->Scale) + op->Displacement;
}

internal readonly unsafe struct Address16 : IAddressSize
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Offset(Cpu* cpu, Op* op) =>
        (*(uint*)((byte*)cpu + op->Base) + *(uint*)((byte*)cpu + op->Index) + op->Displacement) & 0xFFFF;
}

/// <summary>Where an operand is. The JIT specialises handlers on these, so nothing is decided at run time.</summary>
internal unsafe interface IOperand
{
    /// <summary>Constant: whether null can come back.</summary>
    static abstract bool MayFault { get; }

    static abstract T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged;

    static abstract T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged;

    static abstract bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged;
}

/// <summary>The first operand is a register.</summary>
internal readonly unsafe struct Register0 : IOperand
{
    public static bool MayFault => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged => (T*)((byte*)cpu + op->Register0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged => Read<T>(cpu, op);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged
    {
        *Read<T>(cpu, op) = value;
        return true;
    }
}

/// <summary>The second operand is a register.</summary>
internal readonly unsafe struct Register1 : IOperand
{
    public static bool MayFault => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged => (T*)((byte*)cpu + op->Register1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged => Read<T>(cpu, op);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged
    {
        *Read<T>(cpu, op) = value;
        return true;
    }
}

/// <summary>A constant; instructions that write it do not exist.</summary>
internal readonly unsafe struct Immediate : IOperand
{
    public static bool MayFault => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged => (T*)&op->Immediate;

    public static T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged => throw new InvalidOperationException("an immediate is no destination");

    public static bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged => throw new InvalidOperationException("an immediate is no destination");
}

internal readonly unsafe struct InMemory<TAddress> : IOperand
    where TAddress : struct, IAddressSize
{
    public static bool MayFault => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Read<T>(Cpu* cpu, Op* op) where T : unmanaged => LinearMemory.Read<T>(cpu, Op.SegmentOf(cpu, op), TAddress.Offset(cpu, op));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Update<T>(Cpu* cpu, Op* op) where T : unmanaged => LinearMemory.Update<T>(cpu, Op.SegmentOf(cpu, op), TAddress.Offset(cpu, op));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Write<T>(Cpu* cpu, Op* op, T value) where T : unmanaged =>
        LinearMemory.Write(cpu, Op.SegmentOf(cpu, op), TAddress.Offset(cpu, op), value);
}
