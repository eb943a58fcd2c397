using System.Buffers.Binary;
using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>Makes cases: the same seed and number give the same case on every computer.</summary>
/// <param name="seed">Seed of the campaign.</param>
public sealed class CaseGenerator(ulong seed)
{
    private const byte Lock = 0xF0;
    private const byte RepeatNotEqual = 0xF2;
    private const byte Repeat = 0xF3;
    private const uint AlignmentCheck = 1u << 18;

    /// <summary>Names of all forms; case n has form n modulo their number.</summary>
    public static IReadOnlyList<string> FormNames { get; } = [.. Forms.All.Select(c => c.ToString()), .. Forms.UndefinedEncodings.Select(e => $"Undefined_{e}")];

    /// <summary>Makes one case.</summary>
    /// <param name="number">0 or more.</param>
    public Case Make(int number)
    {
        var chance = new Chance(seed, number);
        int form = number % FormNames.Count;
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            if (new Attempt(chance).Make(form) is (RegisterState before, byte[] code, IReadOnlyList<MemoryBytes> memory))
            {
                return new Case(seed, number, FormNames[form], before, code, memory);
            }
        }

        throw new InvalidOperationException($"no encoding of {FormNames[form]} decodes to that form again");
    }

    /// <summary>One attempt at a case: an encoding may turn out to belong to another form (XCHG EAX,EAX is NOP).</summary>
    private sealed class Attempt(Chance chance)
    {
        private readonly Placement _placement = new(chance);
        private readonly SortedDictionary<uint, byte> _memory = [];
        private RegisterState _before;
        private int _bitness;

        public (RegisterState, byte[], IReadOnlyList<MemoryBytes>)? Make(int form)
        {
            _bitness = chance.Percent(60) ? 32 : 16;
            SetSegmentsAndFlags();
            byte[] code;
            bool movable = false;
            if (form < Forms.All.Count)
            {
                if (Encode(Forms.All[form], out movable) is not byte[] encoded)
                {
                    return null;
                }

                code = encoded;
            }
            else
            {
                code = Convert.FromHexString(Forms.UndefinedEncodings[form - Forms.All.Count]);
            }

            PlaceCode(code.Length, movable);
            return (_before, code, Ranges());
        }

        private void SetSegmentsAndFlags()
        {
            ReadOnlySpan<int> data = [0, 3, 4, 5];
            foreach (int segment in data)
            {
                _before.Segments[segment] = _placement.LoadedData(_bitness);
            }

            _before.Segments[1] = _bitness == 32
                ? chance.Percent(85) ? World.FlatCode : World.Selector(4)
                : World.Selector(chance.Percent(70) ? 2 : 3);
            _before.Segments[2] = _placement.LoadedStack(_bitness);
            for (int i = 0; i < 8; i++)
            {
                _before.Gpr[i] = chance.Value();
            }

            SetStackRegister(4);

            // CF, PF, AF, ZF, SF, DF, OF; IF is set in every user program.
            _before.Eflags = 0x202 | (chance.Next() & 0xCD5) | (chance.Percent(4) ? AlignmentCheck : 0);
        }

        private void SetStackRegister(int register)
        {
            uint offset = _placement.StackOffset(_before.Segments[2]);
            bool big = World.Find(_before.Segments[2])!.Value.Big;
            _before.Gpr[register] = big ? offset : (offset & 0xFFFF) | (chance.Percent(60) ? chance.Next() & 0xFFFF0000 : 0);
        }

        private byte[]? Encode(Code code, out bool movable)
        {
            movable = false;
            OpCodeInfo info = code.ToOpCode();
            Mnemonic mnemonic = code.Mnemonic();
            bool isString = info.CanUseRepPrefix || info.CanUseRepnePrefix;
            byte prefix = Prefix(code, info, isString);
            PrepareRegisters(mnemonic, isString);
            var assembly = new Assembly(chance, code, _bitness, _placement) { Aligned = prefix == Lock || mnemonic == Mnemonic.Xchg };
            byte[] bytes = assembly.Encode(ref _before, prefix);
            if (isString || mnemonic == Mnemonic.Xlatb)
            {
                PlaceImplicit(mnemonic, assembly);
            }

            Instruction decoded = Decode(_bitness, bytes);
            if (decoded.Code != code || decoded.Length != bytes.Length)
            {
                return null;
            }

            bool locked = prefix == Lock;
            bool legal = info.CanUseLockPrefix && assembly.HasMemory;
            if (locked && !legal && Forms.IsPrivileged(code))
            {
                return null;
            }

            PrepareMemory(code, mnemonic, assembly);
            movable = !(locked && !legal) && mnemonic is not (Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2);
            return bytes;
        }

        private byte Prefix(Code code, OpCodeInfo info, bool isString)
        {
            if (isString)
            {
                bool privileged = Forms.IsPrivileged(code);
                return chance.Percent(60) && !privileged ? chance.Of(Repeat, RepeatNotEqual) : (byte)0;
            }

            // AMD tells LOCK VERR and LOCK VERW to be undefined only after it has read the operand.
            bool allowed = code.Mnemonic() is not (Mnemonic.Verr or Mnemonic.Verw);
            return allowed && chance.Percent(info.CanUseLockPrefix ? 15 : 6) ? Lock : (byte)0;
        }

        private void PrepareRegisters(Mnemonic mnemonic, bool isString)
        {
            switch (mnemonic)
            {
                case Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shl or Mnemonic.Shr or Mnemonic.Sal or Mnemonic.Sar
                    or Mnemonic.Shld or Mnemonic.Shrd:
                    _before.Gpr[1] = (_before.Gpr[1] & ~0xFFu) | chance.Of<byte>(0, 1, 2, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 64, (byte)chance.Next());
                    break;
                case Mnemonic.Div or Mnemonic.Idiv:
                    PrepareDividend();
                    break;
                case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc:
                    for (int i = 0; i < 8; i++)
                    {
                        _before.Gpr[i] = i != 4 && chance.Percent(70) ? (uint)(chance.Below(0x200) - 0x100) : _before.Gpr[i];
                    }

                    break;
                case Mnemonic.Loop or Mnemonic.Loope or Mnemonic.Loopne or Mnemonic.Jcxz or Mnemonic.Jecxz:
                    _before.Gpr[1] = chance.Percent(70) ? chance.Of<uint>(0, 1, 2, 0x10000, 0x10001) : _before.Gpr[1];
                    break;
                case Mnemonic.Enter or Mnemonic.Leave:
                    SetStackRegister(5);
                    break;
                case Mnemonic.Call or Mnemonic.Jmp:
                    for (int i = 0; i < 8; i++)
                    {
                        _before.Gpr[i] = i != 4 && chance.Percent(60) ? (uint)chance.Below(0x700) : _before.Gpr[i];
                    }

                    break;
                case Mnemonic.Verr or Mnemonic.Verw or Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Mov or Mnemonic.Arpl:
                    for (int i = 0; i < 8; i++)
                    {
                        _before.Gpr[i] = i != 4 && chance.Percent(60) ? (chance.Next() & 0xFFFF0000) | _placement.Selector() : _before.Gpr[i];
                    }

                    break;
                case Mnemonic.Push:
                    // Whether a segment register is pushed as two bytes or as four, and so what must be aligned, depends on the processor.
                    _before.Eflags &= ~AlignmentCheck;
                    break;
                default:
                    if (isString && chance.Percent(90))
                    {
                        uint upper = chance.Percent(50) ? 0 : _before.Gpr[1] & 0xFFFF0000;
                        _before.Gpr[1] = upper | (uint)chance.Below(20);
                    }

                    break;
            }
        }

        private void PrepareDividend()
        {
            if (chance.Percent(70))
            {
                bool negative = (_before.Gpr[0] & 0x80000000) != 0 && chance.Percent(50);
                _before.Gpr[2] = negative ? ~0u : (uint)chance.Below(3);
                if (chance.Percent(50))
                {
                    _before.Gpr[0] = (_before.Gpr[0] & 0xFFFF00FF) | (uint)chance.Below(3) << 8;
                }
            }
        }

        private void PlaceImplicit(Mnemonic mnemonic, in Assembly assembly)
        {
            uint mask = assembly.AddressBits == 16 ? 0xFFFFu : ~0u;
            bool privileged = mnemonic is Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd;
            if (mnemonic == Mnemonic.Xlatb)
            {
                uint offset = _placement.Offset(1, _before.Segments[assembly.Segment], false);
                Mix(3, offset - (_before.Gpr[0] & 0xFF), mask);
                return;
            }

            if (assembly.AddressBits == 32 && _before.Gpr[1] > 0x100)
            {
                // The upper half of ECX counts, and the mapped pages end soon.
                _before.Gpr[1] = chance.Percent(80) ? _before.Gpr[1] & 0x1F : _before.Gpr[1];
            }

            int size = assembly.Size;
            uint source = _placement.Offset(size, _before.Segments[assembly.Segment], privileged);
            uint destination = _placement.Offset(size, _before.Segments[0], privileged);
            Mix(6, source, mask);
            Mix(7, destination, mask);
            if (mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd && chance.Percent(70))
            {
                // Equal runs, so that REPE goes on and REPNE stops.
                byte value = (byte)_before.Gpr[0];
                _before.Gpr[0] = value * 0x01010101u;
                int length = chance.Below(40);
                Fill(assembly.Segment, source & mask, value, length);
                Fill(0, destination & mask, value, length);
            }
        }

        private void Fill(int segment, uint offset, byte value, int length)
        {
            Span<byte> bytes = stackalloc byte[length];
            bytes.Fill(value);
            bool down = (_before.Eflags & 0x400) != 0;
            Patch(segment, down ? offset - (uint)length + 4 : offset, bytes);
        }

        private void Mix(int register, uint offset, uint mask) => _before.Gpr[register] = (_before.Gpr[register] & ~mask) | (offset & mask);

        private void PrepareMemory(Code code, Mnemonic mnemonic, in Assembly assembly)
        {
            if (assembly.HasMemory && assembly.Size <= 8 && !Forms.IsPrivileged(code))
            {
                Span<byte> bytes = stackalloc byte[8];
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, chance.Value());
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], chance.Value());
                FillOperand(code, mnemonic, assembly, bytes);
                bool isString = code.ToOpCode().CanUseRepPrefix || mnemonic == Mnemonic.Xlatb;
                if (!isString)
                {
                    Patch(assembly.Segment, assembly.Offset, bytes[..assembly.Size]);
                }
            }

            PrepareStack(code, mnemonic);
        }

        private void FillOperand(Code code, Mnemonic mnemonic, in Assembly assembly, Span<byte> bytes)
        {
            bool equal = chance.Percent(50);
            switch (mnemonic)
            {
                case Mnemonic.Cmpxchg when equal:
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, _before.Gpr[0]);
                    break;
                case Mnemonic.Cmpxchg8b when equal:
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, _before.Gpr[0]);
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], _before.Gpr[2]);
                    break;
                case Mnemonic.Bound when chance.Percent(70):
                    uint index = _before.Gpr[assembly.RegRegister];
                    uint lower = index - (uint)chance.Below(3);
                    uint upper = index + (uint)chance.Below(3);
                    if (code == Code.Bound_r32_m3232)
                    {
                        BinaryPrimitives.WriteUInt32LittleEndian(bytes, lower);
                        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], upper);
                    }
                    else
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)lower);
                        BinaryPrimitives.WriteUInt16LittleEndian(bytes[2..], (ushort)upper);
                    }

                    break;
                case Mnemonic.Lds or Mnemonic.Les or Mnemonic.Lfs or Mnemonic.Lgs:
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes[(assembly.Size - 2)..], _placement.Selector());
                    break;
                case Mnemonic.Lss:
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes[(assembly.Size - 2)..], equal ? _placement.LoadedStack(_bitness) : _placement.Selector());
                    break;
                case Mnemonic.Call or Mnemonic.Jmp:
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, _placement.CodeOffset());
                    if (code is Code.Call_m1616 or Code.Call_m1632 or Code.Jmp_m1616 or Code.Jmp_m1632)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(bytes[(assembly.Size - 2)..], _placement.CodeSelector());
                    }

                    break;
                case Mnemonic.Mov or Mnemonic.Verr or Mnemonic.Verw or Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Arpl when equal:
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes, _placement.Selector());
                    break;
            }
        }

        /// <summary>Lays out what the instruction pops.</summary>
        private void PrepareStack(Code code, Mnemonic mnemonic)
        {
            int size = code.ToOpCode().OperandSize / 8;
            Span<byte> bytes = stackalloc byte[12];
            switch (mnemonic)
            {
                case Mnemonic.Ret:
                    PutWord(bytes, 0, size, _placement.CodeOffset());
                    PatchStack(bytes[..size]);
                    break;
                case Mnemonic.Retf:
                    PutWord(bytes, 0, size, _placement.CodeOffset());
                    PutWord(bytes, 1, size, _placement.CodeSelector());
                    PatchStack(bytes[..(2 * size)]);
                    break;
                case Mnemonic.Iret or Mnemonic.Iretd:
                    PutWord(bytes, 0, size, _placement.CodeOffset());
                    PutWord(bytes, 1, size, _placement.CodeSelector());
                    PutWord(bytes, 2, size, FlagImage() & ~0x100u);
                    PatchStack(bytes[..(3 * size)]);
                    break;
                case Mnemonic.Popf or Mnemonic.Popfd:
                    PutWord(bytes, 0, size, FlagImage());
                    PatchStack(bytes[..size]);
                    break;
                case Mnemonic.Pop:
                    bool stackSegment = code is Code.Popw_SS or Code.Popd_SS && chance.Percent(50);
                    uint selector = stackSegment ? _placement.LoadedStack(_bitness) : _placement.Selector();
                    PutWord(bytes, 0, Math.Max(size, 2), (chance.Next() & 0xFFFF0000) | selector);
                    PatchStack(bytes[..Math.Max(size, 2)]);
                    break;
            }
        }

        /// <summary>Any flags, except ID: the debugger cannot set it back.</summary>
        private uint FlagImage() => chance.Next() & ~(1u << 21);

        private static void PutWord(Span<byte> bytes, int index, int size, uint value)
        {
            if (size == 2)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[(index * 2)..], (ushort)value);
            }
            else
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[(index * 4)..], value);
            }
        }

        private void PatchStack(ReadOnlySpan<byte> bytes)
        {
            bool big = World.Find(_before.Segments[2])!.Value.Big;
            for (int i = 0; i < bytes.Length; i++)
            {
                uint offset = _before.Gpr[4] + (uint)i;
                Patch(2, big ? offset : offset & 0xFFFF, bytes.Slice(i, 1));
            }
        }

        private void Patch(int segment, uint offset, ReadOnlySpan<byte> bytes)
        {
            if (World.Find(_before.Segments[segment]) is not Descriptor descriptor)
            {
                return;
            }

            for (int i = 0; i < bytes.Length; i++)
            {
                uint address = descriptor.Base + offset + (uint)i;
                if (World.Permission(address) == PagePermission.ReadWrite)
                {
                    _memory[address] = bytes[i];
                }
            }
        }

        private void PlaceCode(int length, bool movable)
        {
            ushort selector = _before.Segments[1];
            Descriptor segment = World.Find(selector)!.Value;
            uint offset = 0x100 + (uint)chance.Below(0x500);
            if (movable && length > 1 && chance.Percent(4))
            {
                // The instruction crosses the end of its page or of its segment.
                uint end = segment.EffectiveLimit < 0x1000 ? segment.EffectiveLimit + 1 : 0x1000;
                offset = end - 1 - (uint)chance.Below(length - 1);
            }

            _before.Eip = World.CodeBase - segment.Base + offset;
        }

        private List<MemoryBytes> Ranges()
        {
            var ranges = new List<MemoryBytes>();
            var bytes = new List<byte>();
            uint start = 0;
            foreach ((uint address, byte value) in _memory)
            {
                if (bytes.Count > 0 && address != start + (uint)bytes.Count)
                {
                    ranges.Add(new MemoryBytes(start, [.. bytes]));
                    bytes.Clear();
                }

                if (bytes.Count == 0)
                {
                    start = address;
                }

                bytes.Add(value);
            }

            if (bytes.Count > 0)
            {
                ranges.Add(new MemoryBytes(start, [.. bytes]));
            }

            return ranges;
        }
    }

    /// <summary>Decodes one instruction, illegal LOCK included.</summary>
    /// <param name="bitness">16 or 32.</param>
    /// <param name="code">The bytes.</param>
    public static Instruction Decode(int bitness, byte[] code) => Decoder.Create(bitness, code, DecoderOptions.NoInvalidCheck).Decode();
}
