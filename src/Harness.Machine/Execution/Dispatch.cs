using System.Collections.Concurrent;
using System.Reflection;

namespace Harness.Machine;

/// <summary>An instruction within a block. False: it did not complete, <see cref="Cpu.Exit"/> says why, and nothing of it remains.</summary>
internal unsafe interface IBody
{
    static abstract bool Step(Cpu* cpu, Op* op);
}

/// <summary>An instruction that ends a block: where its successor is linked, or null if it did not complete.</summary>
internal unsafe interface IBlockEnd
{
    static abstract Op** Next(Cpu* cpu, Op* op);
}

/// <summary>Handlers that hand over by a tail call. AggressiveOptimization, because tier 0 makes none; an unoptimised build makes none either.</summary>
internal static unsafe class Tail
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Op* Follow<TEnd>(Cpu* cpu, Op* op) where TEnd : struct, IBlockEnd
    {
        Op** link = TEnd.Next(cpu, op);
        long ticks = cpu->Ticks + op->After;
        if (link == null)
        {
            return Leave.Incomplete(cpu, op);
        }

        cpu->Ticks = ticks;
        Op* next = *link;
        if (next == null || ticks >= cpu->ChainLimit)
        {
            return Leave.Resolve(cpu, op, link);
        }

        return next->Handler(cpu, next);
    }

    public static class Body<TBody> where TBody : struct, IBody
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static Op* Run(Cpu* cpu, Op* op)
        {
            if (!TBody.Step(cpu, op))
            {
                return Leave.Incomplete(cpu, op);
            }

            op++;
            return op->Handler(cpu, op);
        }
    }

    public static class End<TEnd> where TEnd : struct, IBlockEnd
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static Op* Run(Cpu* cpu, Op* op) => Follow<TEnd>(cpu, op);
    }

    /// <summary>The last two instructions of a block in one handler: CMP and Jcc, DEC and JNZ, ... The first must not write memory, which could be code.</summary>
    public static class Fused<TBody, TEnd> where TBody : struct, IBody where TEnd : struct, IBlockEnd
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static Op* Run(Cpu* cpu, Op* op)
        {
            if (!TBody.Step(cpu, op))
            {
                return Leave.Incomplete(cpu, op);
            }

            return Follow<TEnd>(cpu, op + 1);
        }
    }
}

/// <summary>The handlers made so far, shared by all processors of the process. A handler is code without state.</summary>
internal static unsafe class Handlers
{
    private static readonly ConcurrentDictionary<Type, nint> Single = new();
    private static readonly ConcurrentDictionary<(Type Body, Type End), nint> Pairs = new();

    public static bool IsEnd(Type type) => type.IsAssignableTo(typeof(IBlockEnd));

    public static bool IsBody(Type type) => type.IsAssignableTo(typeof(IBody));

    /// <summary>The code address of the handler of a body, of an end, or of a class that has its own Run.</summary>
    public static nint For(Type type) => Single.GetOrAdd(type, static type => Compile(
        IsBody(type) ? typeof(Tail.Body<>).MakeGenericType(type) : IsEnd(type) ? typeof(Tail.End<>).MakeGenericType(type) : type));

    public static nint Fused(Type body, Type end) => Pairs.GetOrAdd((body, end), static pair => Compile(typeof(Tail.Fused<,>).MakeGenericType(pair.Body, pair.End)));

    private static nint Compile(Type closed)
    {
        RuntimeMethodHandle method = closed.GetMethod("Run", BindingFlags.Public | BindingFlags.Static)!.MethodHandle;
        RuntimeHelpers.PrepareMethod(method, [.. closed.GetGenericArguments().Select(a => a.TypeHandle)]);
        return method.GetFunctionPointer();
    }
}
