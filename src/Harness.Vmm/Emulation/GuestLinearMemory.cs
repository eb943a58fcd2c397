using Iced.Intel;

namespace Harness.Vmm;

/// <summary>Guest-linear memory as a monitor reads it to look at descriptor tables and instructions: through the guest's own page tables, raising nothing.</summary>
public sealed class GuestLinearMemory(Emulator emulator, GuestMemoryMap memory)
{
    private const int LongestInstruction = 15;
    private const uint PageMask = 0xFFF;
    private readonly InstructionBytes _bytes = new();
    private Decoder? _decoder16;
    private Decoder? _decoder32;

    /// <summary>Reads up to where a page is not mapped or not memory; the bytes that could be read.</summary>
    public int Read(LinearAddress from, Span<byte> data, bool user)
    {
        int done = 0;
        while (done < data.Length)
        {
            uint linear = from.Value + (uint)done;
            if (emulator.Translate(new LinearAddress(linear), write: false, user) is not { } at || memory.Translate(at, write: false) is null)
            {
                break;
            }

            int count = Math.Min(data.Length - done, (int)(PageMask + 1 - (linear & PageMask)));
            memory.Read(at, data.Slice(done, count));
            done += count;
        }

        return done;
    }

    /// <summary>The instruction at the virtual CS:EIP; false where its bytes cannot be read or mean none.</summary>
    public bool TryDecode(out Instruction instruction)
    {
        ref SegmentRegister code = ref emulator.Segment(SegmentName.CS);
        _bytes.Start(Read(new LinearAddress(code.Base + emulator.Eip), _bytes.Buffer, emulator.Cpl == 3));
        Decoder decoder = code.IsBig ? _decoder32 ??= Decoder.Create(32, _bytes) : _decoder16 ??= Decoder.Create(16, _bytes);
        decoder.IP = emulator.Eip;
        instruction = decoder.Decode();
        return !instruction.IsInvalid;
    }

    /// <summary>The bytes of one instruction after another: monitors decode one for each trap.</summary>
    private sealed class InstructionBytes : CodeReader
    {
        private readonly byte[] _buffer = new byte[LongestInstruction];
        private int _next;
        private int _count;

        public Span<byte> Buffer => _buffer;

        public void Start(int count)
        {
            _next = 0;
            _count = count;
        }

        public override int ReadByte() => _next < _count ? _buffer[_next++] : -1;
    }
}
