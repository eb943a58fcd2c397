namespace Harness.Machine;

/// <summary>Instruction bytes through code-segment limit, paging and the memory map, one page at a time.</summary>
internal sealed unsafe class FetchReader(Processor processor, Cpu* cpu) : CodeReader
{
    private const int LongestInstruction = 15;
    private const uint PageMask = 0xFFFFF000;
    private uint _offset;
    private uint _linear;
    private uint _page;
    private uint _physicalPage;
    private byte* _host;
    private uint _instructionPage;
    private bool _failed;
    private bool _mayCross;
    private Fault _failure;
    private readonly byte[] _bytes = new byte[LongestInstruction];
    private int _count;

    /// <summary>A byte that the current instruction needs could not be fetched.</summary>
    public bool Failed => _failed;

    /// <summary>The current instruction has bytes on two pages.</summary>
    public bool CrossedPage => _page != _instructionPage;

    public bool AtPageStart => (_linear & ~PageMask) == 0;

    /// <summary>Physical address of the second page of an instruction that crosses.</summary>
    public uint SecondPage => _physicalPage;

    /// <summary>Positions the reader. False: the first byte cannot be fetched, and the fault is recorded.</summary>
    public bool Start(uint eip, out uint physical)
    {
        _offset = eip;
        _linear = cpu->State.Cs.Base + eip;
        _failed = false;
        physical = 0;
        if (eip > cpu->State.Cs.Limit)
        {
            cpu->Fault = new Fault(Vector.GP, 0);
            cpu->Exit = Exit.Fault;
            return false;
        }

        if (!Paging.TranslateFetch(cpu, _linear, out uint start))
        {
            return false;
        }

        Enter(start);
        physical = start & processor.Memory.AddressMask;
        return true;
    }

    /// <summary>Physical address of the page after the one that EIP lies in. False: it cannot be fetched from, and the fault is recorded.</summary>
    public bool FindSecondPage(uint eip, out uint physical) => Paging.TranslateFetch(cpu, ((cpu->State.Cs.Base + eip) | ~PageMask) + 1, out physical);

    /// <summary><paramref name="mayCross"/> false: the instruction is not next to run, so it may not touch (and mark accessed) another page.</summary>
    public void BeginInstruction(bool mayCross)
    {
        _mayCross = mayCross;
        _count = 0;
        _instructionPage = _page;
        _failed = false;
    }

    /// <summary>Records the fault of the byte that could not be fetched.</summary>
    public void RaiseFailure()
    {
        cpu->Fault = _failure;
        cpu->Exit = Exit.Fault;
    }

    /// <summary>
    /// Whether the current instruction, which could not be decoded, wants more than 15 bytes: #GP(0), where other undefined encodings are #UD (SDM Vol. 2A,
    /// 2.3.11). Without its first byte, which must be a prefix then, it still runs out of bytes.
    /// </summary>
    public bool IsTooLong(int bitness)
    {
        if (_count < LongestInstruction)
        {
            return false;
        }

        Decoder decoder = Decoder.Create(bitness, _bytes[1..]);
        decoder.Decode(out Instruction _);
        return decoder.LastError == DecoderError.NoMoreBytes;
    }

    public override int ReadByte()
    {
        if (_offset > cpu->State.Cs.Limit)
        {
            return Fail(new Fault(Vector.GP, 0));
        }

        if ((_linear & PageMask) != _page)
        {
            if (!_mayCross)
            {
                return Fail(default);
            }

            if (!Paging.TranslateFetch(cpu, _linear, out uint physical))
            {
                return Fail(cpu->Fault);
            }

            Enter(physical);
        }

        uint at = _linear & ~PageMask;
        _offset++;
        _linear++;
        byte value = _host != null ? _host[at] : (byte)processor.Memory.ReadValue(_physicalPage + at, 1);
        _bytes[_count++] = value;
        return value;
    }

    private void Enter(uint physical)
    {
        _page = _linear & PageMask;
        _physicalPage = physical & PageMask;
        _host = processor.HostAddress(_physicalPage, write: false);
    }

    private int Fail(Fault failure)
    {
        _failed = true;
        _failure = failure;
        return -1;
    }
}
