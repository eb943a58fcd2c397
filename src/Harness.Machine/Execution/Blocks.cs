using Harness.Machine.Shapes;

namespace Harness.Machine;

/// <summary>A decoded basic block. Its ops lie in native memory and do not move.</summary>
internal sealed unsafe class Block(BlockKey key, Op* first, int count)
{
    public BlockKey Key => key;
    public Op* First => first;

    /// <summary>Ops, a closing FallThrough included.</summary>
    public int Count => count;

    /// <summary>Where the rest of an instruction that crosses a page was found.</summary>
    public uint? SecondPage { get; init; }

    /// <summary>Whether EFLAGS.RF makes a difference to its first instruction, unless it is the last that has completed.</summary>
    public bool SeesResumeFlag { get; init; }

    /// <summary>False after its code was overwritten.</summary>
    public bool IsValid { get; set; } = true;
}

/// <summary>What a block depends on: where its bytes lie, and how they are decoded.</summary>
internal readonly record struct BlockKey(uint Physical, uint Eip, int Context, bool Alone);

/// <summary>The code segment as decoding and its limit checks see it.</summary>
internal readonly record struct CodeContext(uint Base, uint Limit, bool Big);

/// <summary>
/// Decodes once per block. Blocks do not cross pages, except a single instruction that does; they are dropped when a line of their code is written, or all
/// together when there are too many.
/// </summary>
internal sealed unsafe class Blocks : ICodeKeeper
{
    /// <summary>Instructions in a block at most, so that a chain that starts this far before a deadline cannot pass it.</summary>
    public const int Longest = 64;

    private const int OpsInChunk = 1024;
    private const int MaximumChunks = 256;
    private const int MaximumContexts = 4096;
    private const int RecentCount = 2048;

    private readonly Cpu* _cpu;
    private readonly Processor _processor;
    private readonly Dictionary<BlockKey, Block> _blocks = [];
    private readonly Dictionary<int, List<Block>> _byPage = [];
    private readonly Dictionary<CodeContext, int> _contexts = [];
    private readonly Recent[] _recent = new Recent[RecentCount];
    private readonly List<Chunk> _chunks = [];
    private readonly FetchReader _reader;
    private readonly Decoder _decoder16;
    private readonly Decoder _decoder32;
    private readonly Instruction[] _instructions = new Instruction[Longest];
    private readonly Type[] _types = new Type[Longest];
    private CodeContext _context;
    private int _contextId = -1;
    private int _chunk;
    private int _used;
    private uint _stamp = 1;

    public Blocks(Processor processor, Cpu* cpu)
    {
        _processor = processor;
        _cpu = cpu;
        _reader = new FetchReader(processor, cpu);
        _decoder16 = Decoder.Create(16, _reader);
        _decoder32 = Decoder.Create(32, _reader);
    }

    private struct Recent
    {
        public uint Eip;
        public uint Stamp;
        public int Context;
        public Block? Block;
    }

    /// <summary>Ops of native memory with the instructions that they were decoded from.</summary>
    private sealed class Chunk
    {
        public readonly Op* Ops = (Op*)NativeMemory.AlignedAlloc(OpsInChunk * (nuint)sizeof(Op), 64);
        public readonly Instruction* Instructions = (Instruction*)NativeMemory.Alloc(OpsInChunk, (nuint)sizeof(Instruction));
    }

    /// <summary>Translations, privilege or the memory map changed: blocks stay, but which one an offset leads to is looked up anew.</summary>
    public void ForgetLookups()
    {
        if (++_stamp == 0)
        {
            Array.Clear(_recent);
            _stamp = 1;
        }
    }

    /// <summary>The block at EIP, or null if its first byte cannot be fetched: then the processor has the fault.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Block? At(uint eip, bool alone)
    {
        int context = Context();

        // A user's fetch has rights of its own, and an instruction that runs alone a block of its own: they share the cache under different tags.
        int tag = context << 2 | (alone ? 2 : 0) | (_cpu->State.Cpl == 3 ? 1 : 0);
        ref Recent recent = ref _recent[(eip ^ (uint)tag * 0x9E3779B1u >> 20) % RecentCount];
        if (recent.Eip == eip && recent.Context == tag && recent.Stamp == _stamp && recent.Block is { IsValid: true } hit)
        {
            return hit;
        }

        Block? block = Find(eip, context, alone);
        recent = new Recent { Eip = eip, Context = tag, Stamp = _stamp, Block = block };
        return block;
    }

    /// <summary>
    /// A link may be kept only within a page: translations of other pages may change under it. The instruction at <paramref name="eip"/> has just run, so its
    /// page is mapped as the block's is.
    /// </summary>
    public bool MayLink(uint eip, Block to) =>
        to.IsValid && (_context.Base + eip) / Ram.PageSize == (_context.Base + to.Key.Eip) / Ram.PageSize && !CrossesPage(to);

    public void PageHoldsCode() => Paging.FlushWriteTags(_cpu);

    public void CodeWritten(int page)
    {
        if (!_byPage.Remove(page, out List<Block>? blocks))
        {
            return;
        }

        foreach (Block block in blocks)
        {
            block.IsValid = false;
            _blocks.Remove(block.Key);
            for (int i = 0; i < block.Count; i++)
            {
                block.First[i].Handler = &Leave.Stale;
            }
        }
    }

    public void Free()
    {
        foreach (Chunk chunk in _chunks)
        {
            NativeMemory.AlignedFree(chunk.Ops);
            NativeMemory.Free(chunk.Instructions);
        }

        _chunks.Clear();
    }

    private static bool CrossesPage(Block block)
    {
        Op* last = block.First + block.Count - 1;
        uint end = block.Key.Physical + (last->NextEip - block.Key.Eip);
        return (end - 1) / Ram.PageSize != block.Key.Physical / Ram.PageSize;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Context()
    {
        ref SegmentRegister cs = ref _cpu->State.Cs;
        var wanted = new CodeContext(cs.Base, cs.Limit, cs.IsBig);
        if (_contextId < 0 || wanted != _context)
        {
            if (!_contexts.TryGetValue(wanted, out _contextId))
            {
                if (_contexts.Count == MaximumContexts)
                {
                    Clear();
                }

                _contexts[wanted] = _contextId = _contexts.Count;
            }

            _context = wanted;
        }

        return _contextId;
    }

    private Block? Find(uint eip, int context, bool alone)
    {
        if (!_reader.Start(eip, out uint physical))
        {
            return null;
        }

        var key = new BlockKey(physical, eip, context, alone);
        if (!_blocks.TryGetValue(key, out Block? block) || block.SecondPage is not { } second)
        {
            return block ?? Decode(key);
        }

        // The second page is mapped for itself: it may be another by now, or none.
        if (!_reader.FindSecondPage(eip, out uint page))
        {
            return null;
        }

        return page == second ? block : Decode(key);
    }

    private Block? Decode(BlockKey key)
    {
        Decoder decoder = _context.Big ? _decoder32 : _decoder16;
        decoder.IP = key.Eip;
        int longest = key.Alone ? 1 : Longest;
        int count = 0;
        bool ended = false;
        bool seesResumeFlag = false;
        while (!ended && count < longest)
        {
            if (count > 0 && _reader.AtPageStart)
            {
                break;
            }

            _reader.BeginInstruction(mayCross: count == 0);
            decoder.Decode(out Instruction instruction);
            if (_reader.Failed && count == 0)
            {
                _reader.RaiseFailure();
                return null;
            }

            if (_reader.Failed)
            {
                break;
            }

            Shape? shape = instruction.IsInvalid ? null : _processor.ShapeOf(instruction);
            if (shape is null && count > 0)
            {
                break;
            }

            _instructions[count] = instruction;
            _types[count] = shape?.Select(instruction) ?? (instruction.IsInvalid && _reader.IsTooLong(decoder.Bitness) ? typeof(TooLong) : typeof(Undefined));
            seesResumeFlag |= count == 0 && shape is not { SeesResumeFlag: false };
            count++;
            ended = shape is null || shape.EndsBlock(instruction);
            if (_reader.CrossedPage)
            {
                break;
            }
        }

        return Bind(key, count, ended, seesResumeFlag);
    }

    private Block Bind(BlockKey key, int count, bool ended, bool seesResumeFlag)
    {
        Op* ops = Allocate(count + 1, out Chunk chunk);
        int ticks = 0;
        for (int i = 0; i < count; i++)
        {
            ref Instruction instruction = ref _instructions[i];
            byte mark = _processor.MarkAt(_context.Base + instruction.IP32);
            ops[i] = Decoding.Bind(instruction);
            ops[i].Mark = mark;
            ops[i].Position = (byte)ticks;
            ticks += CodeMark.Ticks(mark);
            ops[i].After = (byte)ticks;
            ops[i].Instruction = chunk.Instructions + (ops + i - chunk.Ops);
            *ops[i].Instruction = instruction;
            ops[i].Handler = (delegate*<Cpu*, Op*, Op*>)HandlerOf(_types[i], instruction);
            if (CodeMark.Counter(mark) != 0)
            {
                Counted.Wrap(ops + i, _types[i]);
            }
        }

        int last = count - 1;
        uint end = _instructions[last].IP32 + (uint)_instructions[last].Length;
        if (!ended)
        {
            ops[count] = new Op { Handler = (delegate*<Cpu*, Op*, Op*>)Handlers.For(typeof(FallThrough)), Eip = end, Position = (byte)ticks, After = (byte)ticks };
        }
        else if (count > 1 && ops[last - 1].Mark == 0 && Handlers.IsEnd(_types[last]) && Handlers.IsBody(_types[last - 1]) && Rows.For(_instructions[last - 1])!.MayFuse(_instructions[last - 1]))
        {
            ops[last - 1].Handler = (delegate*<Cpu*, Op*, Op*>)Handlers.Fused(_types[last - 1], WithinLimit(_types[last], _instructions[last]));
        }

        var block = new Block(key, ops, ended ? count : count + 1)
        {
            SecondPage = _reader.CrossedPage ? _reader.SecondPage : null,
            SeesResumeFlag = seesResumeFlag,
        };
        _blocks[key] = block;
        Register(block, key.Physical, (int)(end - key.Eip));
        return block;
    }

    /// <summary>The code address of an instruction's handler in the code context that is current.</summary>
    public nint HandlerOf(Type type, in Instruction instruction) => Handlers.For(WithinLimit(type, instruction));

    /// <summary>A relative branch beyond the limit faults when it is taken; which one that is, the code context decides.</summary>
    private Type WithinLimit(Type type, in Instruction instruction) =>
        instruction.NearBranchTarget > _context.Limit && type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Branch<>)
            ? typeof(BranchBeyond<>).MakeGenericType(type.GetGenericArguments())
            : type;

    private void Register(Block block, uint physical, int length)
    {
        int first = Math.Min(length, Ram.PageSize - (int)(physical % Ram.PageSize));
        RegisterPart(block, physical, first);
        if (first < length)
        {
            RegisterPart(block, _reader.SecondPage, length - first);
        }
    }

    private void RegisterPart(Block block, uint physical, int length)
    {
        int page = _processor.Memory.RamPageOf(new PhysicalAddress(physical));
        if (page < 0)
        {
            return;
        }

        if (!_byPage.TryGetValue(page, out List<Block>? blocks))
        {
            _byPage[page] = blocks = [];
        }

        blocks.Add(block);
        _processor.Memory.Ram.NoteCode(page, (int)(physical % Ram.PageSize), length);
    }

    private Op* Allocate(int count, out Chunk chunk)
    {
        if (_chunks.Count == 0 || _used + count > OpsInChunk)
        {
            if (_chunks.Count > 0 && _chunk + 1 == MaximumChunks)
            {
                Clear();
            }
            else if (_chunks.Count > 0)
            {
                _chunk++;
            }

            if (_chunk == _chunks.Count)
            {
                _chunks.Add(new Chunk());
            }

            _used = 0;
        }

        chunk = _chunks[_chunk];
        Op* ops = chunk.Ops + _used;
        _used += count;
        return ops;
    }

    /// <summary>Drops every block. No chain is running, for only the run loop decodes, and nothing else keeps a block.</summary>
    private void Clear()
    {
        _blocks.Clear();
        _byPage.Clear();
        _contexts.Clear();
        _contextId = -1;
        Array.Clear(_recent);
        _cpu->Link = null;
        _chunk = 0;
        _used = 0;
    }
}

/// <summary>No instruction: #UD.</summary>
internal static unsafe class Undefined
{
    public static Op* Run(Cpu* cpu, Op* op)
    {
        cpu->Fault = new Fault(Vector.UD, 0);
        cpu->Exit = Exit.Fault;
        return Leave.Incomplete(cpu, op);
    }
}

/// <summary>An instruction of more than 15 bytes: #GP(0).</summary>
internal static unsafe class TooLong
{
    public static Op* Run(Cpu* cpu, Op* op)
    {
        cpu->Fault = new Fault(Vector.GP, 0);
        cpu->Exit = Exit.Fault;
        return Leave.Incomplete(cpu, op);
    }
}
