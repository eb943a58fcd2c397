using System.Buffers.Binary;
using Harness.Machine.Devices;
using Iced.Intel;

namespace Harness.Engines.Paravirt;

/// <summary>Instructions that the monitor carries out where ring 3, or ring 1, may not.</summary>
internal sealed partial class ParavirtMonitor
{
    private const int LongestInstruction = 15;
    private const uint PageOffset = 0xFFF;
    private const int Ecx = 1;
    private const int Edx = 2;
    private const int Esi = 6;
    private const int Edi = 7;

    /// <summary>IN, OUT, INS and OUTS of a program that its kernel has given the port, CLI and STI of one that has IOPL 3.</summary>
    private bool TryForUser()
    {
        Instruction instruction = Decode();
        if (instruction.Mnemonic is Mnemonic.Cli or Mnemonic.Sti && _iopl == Eflags.IOPL)
        {
            Record(EngineEventKind.Trap, "#GP", "privileged", InstructionText.MnemonicOf(instruction), "");
            bool accepts = instruction.Mnemonic == Mnemonic.Sti;
            _inShadow = accepts && _shared.IsMasked;
            _shared.IsMasked = !accepts;
            Skip(instruction);
            return true;
        }

        return instruction.Mnemonic is Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd
            ? TryPortString(instruction)
            : TryPort(instruction, MayUse);
    }

    /// <summary>IN and OUT of a kernel that drives the ring's device by its ports, where they are not its own, or were not yet when it was entered from a program.</summary>
    private bool TryForKernel() => _emulator.HasRing && TryPort(
        Decode(), (port, size) => port >= BlockRingInterface.FirstPort && port + size <= BlockRingInterface.FirstPort + BlockRingInterface.Ports);

    private Instruction Decode()
    {
        var bytes = new byte[LongestInstruction];
        uint at = _descriptors.BaseOf(_frame.Cs) + _frame.Eip;

        // What lies behind the limit is not fetched (SDM Vol. 3A, 5.3): an instruction that it cuts is none.
        long left = (long)_descriptors.LimitOf(_frame.Cs) - _frame.Eip + 1;
        var count = (int)Math.Clamp(left, 0, bytes.Length);
        while (count > 0 && !_pages.TryRead(at, bytes.AsSpan(0, count)))
        {
            count--;
        }

        var decoder = Decoder.Create(_descriptors.BitsOf(_frame.Cs), bytes[..count]);
        decoder.IP = _frame.Eip;
        return decoder.Decode();
    }

    private bool TryPort(in Instruction instruction, Func<ushort, int, bool> mayUse)
    {
        bool isIn = instruction.Mnemonic == Mnemonic.In;
        if (instruction.IsInvalid || !(isIn || instruction.Mnemonic == Mnemonic.Out))
        {
            return false;
        }

        Register data = isIn ? instruction.Op0Register : instruction.Op1Register;
        int operand = isIn ? 1 : 0;
        var port = instruction.GetOpKind(operand) == OpKind.Immediate8 ? instruction.Immediate8 : (ushort)_frame[2];
        if (!mayUse(port, data.GetSize()))
        {
            return false;
        }

        Record(EngineEventKind.Trap, "#GP", "io", isIn ? "in" : "out", InstructionText.PortName(port));
        if (isIn)
        {
            _frame[0] = PortIn(port, data.GetSize(), _frame[0]);
        }
        else
        {
            _emulator.Out(port, data.GetSize(), _frame[0]);
        }

        Skip(instruction);
        return true;
    }

    /// <summary>One iteration of INS or OUTS; under REP the next one traps again (SDM Vol. 2A, INS; Vol. 2B, OUTS), with RF set between them (Vol. 3B, 17.3.1.1).</summary>
    private bool TryPortString(in Instruction instruction)
    {
        bool isIn = instruction.Mnemonic is Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd;
        int size = instruction.Mnemonic is Mnemonic.Insb or Mnemonic.Outsb ? 1 : instruction.Mnemonic is Mnemonic.Insw or Mnemonic.Outsw ? 2 : 4;
        var port = (ushort)_frame[Edx];
        OpKind memory = instruction.GetOpKind(isIn ? 0 : 1);
        uint mask = memory is OpKind.MemoryESDI or OpKind.MemorySegSI ? ushort.MaxValue : uint.MaxValue;
        bool repeats = instruction.HasRepPrefix || instruction.HasRepnePrefix;
        if (!MayUse(port, size))
        {
            return false;
        }

        if (!repeats || (_frame[Ecx] & mask) != 0)
        {
            int pointer = isIn ? Edi : Esi;
            if (!TryMove(port, size, isIn, isIn ? Register.ES : instruction.MemorySegment, _frame[pointer] & mask))
            {
                return false;
            }

            _frame[pointer] = Add(_frame[pointer], (_frame.Eflags & Eflags.DF) != 0 ? -size : size, mask);
            _frame[Ecx] = repeats ? Add(_frame[Ecx], -1, mask) : _frame[Ecx];
        }

        Record(EngineEventKind.Trap, "#GP", "io", InstructionText.MnemonicOf(instruction), InstructionText.PortName(port));
        bool isDone = !repeats || (_frame[Ecx] & mask) == 0;
        Step(isDone ? instruction.NextIP32 : _frame.Eip);
        _frame.Eflags |= isDone ? 0 : Eflags.RF;
        return true;
    }

    /// <summary>Between a port and memory, which is checked before the port is touched. False: the trap is now the fault of the access.</summary>
    private bool TryMove(ushort port, int size, bool isIn, Register segment, uint offset)
    {
        ushort selector = segment switch
        {
            Register.CS => _frame.Cs,
            Register.SS => _frame.Ss,
            Register.ES => _frame.Es,
            Register.FS => _frame.Fs,
            Register.GS => _frame.Gs,
            _ => _frame.Ds,
        };
        if (_descriptors.Find(selector) is not { } found || (ulong)offset + (uint)size - 1 > found.Limit || !(isIn ? found.IsWritableData : found.IsReadable))
        {
            (_frame.Vector, _frame.ErrorCode) = ((byte)(segment == Register.SS ? Vector.SS : Vector.GP), 0);
            return false;
        }

        uint linear = found.Base + offset;
        uint end = linear + (uint)size - 1;
        foreach (uint at in (ReadOnlySpan<uint>)[linear, (linear ^ end) <= PageOffset ? linear : end & ~PageOffset])
        {
            if (_pages.FaultOfUser(at, write: isIn) is { } code)
            {
                (_frame.Vector, _frame.ErrorCode, _frame.Cr2) = ((byte)Vector.PF, code, at);
                return false;
            }
        }

        Span<byte> data = stackalloc byte[4];
        if (isIn)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, _emulator.In(port, size));
            _pages.TryWrite(linear, data[..size]);
        }
        else
        {
            _pages.TryRead(linear, data[..size]);
            _emulator.Out(port, size, BinaryPrimitives.ReadUInt32LittleEndian(data));
        }

        return true;
    }

    private static uint Add(uint value, int change, uint mask) => (value & ~mask) | ((value + (uint)change) & mask);

    private void Skip(in Instruction instruction) => Step(instruction.NextIP32);

    private void Step(uint eip)
    {
        _frame.Eip = eip;
        _frame.Eflags &= ~Eflags.RF;
        _host.CountTicks(1);
        _retired.Emulated++;
    }

    /// <summary>EAX after an IN of one, two or four bytes.</summary>
    internal uint PortIn(ushort port, int size, uint eax)
    {
        uint mask = uint.MaxValue >> (32 - 8 * size);
        return (eax & ~mask) | (_emulator.In(port, size) & mask);
    }

    private bool MayUse(ushort port, int size)
    {
        for (int p = port; p < port + size && _iopl != Eflags.IOPL; p++)
        {
            if (p / 8 >= _portMap.Length || (_portMap[p / 8] & 1 << p % 8) != 0)
            {
                return false;
            }
        }

        return true;
    }
}
