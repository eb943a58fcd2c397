using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// An ATA channel with up to two disks: programmed I/O, 28-bit, 48-bit and CHS addresses. Commands that are not here are aborted, as a drive does
/// with those it does not have. A channel without disks reads as all ones. Source: ATA/ATAPI-6 (T13 1410D).
/// </summary>
internal sealed class AtaChannel : Device, IPortDevice
{
    private const byte Busy = 0x80;
    private const byte Ready = 0x50;
    private const byte DataRequest = 0x08;
    private const byte ErrorFlag = 0x01;
    private const byte Aborted = 0x04;
    private const byte IdNotFound = 0x10;

    private readonly Platform _platform;
    private readonly ushort _base;
    private readonly ushort _control;
    private readonly int _irq;
    private readonly AtaDrive?[] _drives = new AtaDrive?[2];
    private byte[] _buffer = new byte[AtaDrive.MaximumMultiple * DiskImage.SectorSize];
    private State _s;

    /// <param name="platform">The platform.</param>
    /// <param name="index">0 for the primary channel, 1 for the secondary.</param>
    public AtaChannel(Platform platform, int index) : base(index == 0 ? "ata0" : "ata1")
    {
        _platform = platform;
        _base = (ushort)(index == 0 ? 0x1F0 : 0x170);
        _control = (ushort)(index == 0 ? 0x3F6 : 0x376);
        _irq = 14 + index;
        platform.Ports.Map(_base, 1, 4, this);
        platform.Ports.Map((ushort)(_base + 1), 7, 1, this);
        platform.Ports.Map(_control, 1, 1, this);

        var disks = platform.Options.Disks;
        DiskImage? DiskAt(int drive) => 2 * index + drive < disks.Count ? disks[2 * index + drive] : null;
        for (var drive = 0; drive < 2; drive++)
        {
            _drives[drive] = DiskAt(drive) is { } image ? new AtaDrive(image, drive, DiskAt(1 - drive) is null) : null;
        }
    }

    private enum Action : byte
    {
        None,
        Execute,
        FillBlock,
        StoreBlock,
        FinishReset,
    }

    private bool IsEmpty => _drives[0] is null && _drives[1] is null;

    private AtaDrive? Selected => _drives[_s.Device >> 4 & 1];

    private bool IsBusy => (_s.Status & Busy) != 0;

    public uint In(ushort port, int size)
    {
        if (IsEmpty)
        {
            return uint.MaxValue;
        }

        if (port == _control)
        {
            return Status();
        }

        switch (port - _base)
        {
            case 0:
                return ReadData(size);
            case 1:
                return _s.Error;
            case 2:
                return Shown(_s.Count);
            case 3:
                return Shown(_s.LbaLow);
            case 4:
                return Shown(_s.LbaMid);
            case 5:
                return Shown(_s.LbaHigh);
            case 6:
                return _s.Device;
            default:
                SetInterrupt(false);
                return Status();
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        var data = (byte)value;
        if (IsEmpty)
        {
            return;
        }

        if (port == _control)
        {
            WriteControl(data);
        }
        else if (port == _base)
        {
            WriteData(size, value);
        }
        else if (!IsBusy)
        {
            _s.Control &= 0x7F;
            WriteTaskFile(port - _base, data);
        }
    }

    public override void Expire()
    {
        Deadline = long.MaxValue;
        var action = _s.Action;
        _s.Action = Action.None;
        switch (action)
        {
            case Action.Execute:
                Execute();
                break;
            case Action.FillBlock:
                FillBlock();
                break;
            case Action.StoreBlock:
                StoreBlock();
                break;
            case Action.FinishReset:
                Sign();
                break;
            default:
                break;
        }
    }

    public override void Reset()
    {
        _s = default;
        Deadline = long.MaxValue;
        foreach (var drive in _drives)
        {
            drive?.Reset();
        }

        Sign();
        SetInterrupt(false);
    }

    public override void Visit(IStateVisitor visitor)
    {
        visitor.Value("state", ref _s);
        visitor.Bytes("buffer", ref _buffer);
        for (var i = 0; i < 2; i++)
        {
            visitor.Enter(i == 0 ? "master" : "slave");
            _drives[i]?.Visit(visitor);
            visitor.Leave();
        }
    }

    // Device 0 answers for an absent device 1, with a status of zero.
    private byte Status() => Selected is null ? (byte)0 : _s.Status;

    // Each register has two bytes; bit 7 of the control register shows the older one.
    private uint Shown(ushort register) => (byte)((_s.Control & 0x80) != 0 ? register >> 8 : register);

    private void SetInterrupt(bool pending)
    {
        _s.Interrupt = pending;
        _platform.SetIrq(_irq, pending && (_s.Control & 0x02) == 0);
    }

    private void Later(Action action, long latency)
    {
        _s.Status = Busy;
        _s.Action = action;
        Deadline = _platform.Now + latency;
    }

    private void WriteControl(byte value)
    {
        var released = (_s.Control & ~value & 0x04) != 0;
        var asserted = (value & ~_s.Control & 0x04) != 0;
        _s.Control = (byte)(value & 0x86);
        SetInterrupt(_s.Interrupt && !asserted);
        if (asserted)
        {
            _s.Status = Busy;
            _s.Action = Action.None;
            _s.Transfer = 0;
            Deadline = long.MaxValue;
        }
        else if (released)
        {
            Later(Action.FinishReset, Latency.DiskCommand);
        }
    }

    private void WriteTaskFile(int register, byte value)
    {
        switch (register)
        {
            case 1:
                _s.Features = (ushort)(_s.Features << 8 | value);
                break;
            case 2:
                _s.Count = (ushort)(_s.Count << 8 | value);
                break;
            case 3:
                _s.LbaLow = (ushort)(_s.LbaLow << 8 | value);
                break;
            case 4:
                _s.LbaMid = (ushort)(_s.LbaMid << 8 | value);
                break;
            case 5:
                _s.LbaHigh = (ushort)(_s.LbaHigh << 8 | value);
                break;
            case 6:
                if (((value ^ _s.Device) & 0x10) != 0 && (_s.Status & DataRequest) != 0)
                {
                    // Turning to the other device in the middle of a transfer ends it.
                    _s.Status = Ready;
                    _s.Transfer = 0;
                }

                _s.Device = value;
                break;
            default:
                SetInterrupt(false);

                // EXECUTE DEVICE DIAGNOSTIC is for both devices, whichever is selected.
                if (Selected is not null || value == 0x90)
                {
                    _s.Command = value;
                    _s.Error = 0;
                    _s.Transfer = 0;
                    Later(Action.Execute, Latency.DiskCommand);
                }

                break;
        }
    }

    private void Execute()
    {
        if (_s.Command == 0x90)
        {
            Sign();
            SetInterrupt(true);
            return;
        }

        if (Selected is not { } drive)
        {
            return;
        }

        switch (_s.Command)
        {
            case 0x20 or 0x21 or 0x24:
                BeginTransfer(drive, 1, isWrite: false);
                break;
            case 0x30 or 0x31 or 0x34:
                BeginTransfer(drive, 1, isWrite: true);
                break;
            case 0x29 or 0xC4 when drive.Multiple != 0:
                BeginTransfer(drive, drive.Multiple, isWrite: false);
                break;
            case 0x39 or 0xC5 when drive.Multiple != 0:
                BeginTransfer(drive, drive.Multiple, isWrite: true);
                break;
            case 0x40 or 0x41 or 0x42:
                Verify(drive);
                break;
            case 0xEC:
                drive.Identify(_buffer.AsSpan(0, DiskImage.SectorSize));
                _s.IsWrite = false;
                _s.Remaining = 0;
                OfferData(1);
                SetInterrupt(true);
                break;
            case 0xC6:
                SetMultiple(drive);
                break;
            case 0x91:
                Complete(drive.SetGeometry((_s.Device & 15) + 1, (byte)_s.Count) ? (byte)0 : Aborted);
                break;
            case 0xEF:
                // SET FEATURES: only the transfer modes of programmed I/O.
                Complete((byte)_s.Features == 0x03 && (byte)_s.Count <= 0x0F ? (byte)0 : Aborted);
                break;
            case 0xE5:
                // CHECK POWER MODE: active.
                _s.Count = 0xFF;
                Complete(0);
                break;
            case (>= 0x10 and < 0x20) or (>= 0x70 and < 0x80) or 0xE0 or 0xE1 or 0xE2 or 0xE3 or 0xE7 or 0xEA:
                // RECALIBRATE, SEEK, STANDBY, IDLE, FLUSH CACHE: nothing moves and nothing is held back.
                Complete(0);
                break;
            default:
                Complete(Aborted);
                break;
        }
    }

    private void SetMultiple(AtaDrive drive)
    {
        var count = (byte)_s.Count;
        var isValid = count is 0 or 1 or 2 or 4 or 8 or AtaDrive.MaximumMultiple;
        drive.Multiple = isValid ? count : (byte)0;
        Complete(isValid ? (byte)0 : Aborted);
    }

    private void Complete(byte error)
    {
        _s.Error = error;
        _s.Status = (byte)(error == 0 ? Ready : Ready | ErrorFlag);
        _s.Transfer = 0;
        SetInterrupt(true);
    }

    /// <summary>Leaves the signature of a disk that passed its diagnostics.</summary>
    private void Sign()
    {
        _s.Status = Ready;
        _s.Error = 0x01;
        _s.Count = _s.LbaLow = 1;
        _s.LbaMid = _s.LbaHigh = 0;
        _s.Device = 0;
        _s.Transfer = 0;
    }

    /// <summary>Takes sector and count from the registers.</summary>
    private void Address(AtaDrive drive)
    {
        if (_s.Command is 0x24 or 0x29 or 0x34 or 0x39 or 0x42)
        {
            _s.Sector = (byte)_s.LbaLow | (long)(byte)_s.LbaMid << 8 | (long)(byte)_s.LbaHigh << 16
                | (long)(_s.LbaLow >> 8) << 24 | (long)(_s.LbaMid >> 8) << 32 | (long)(_s.LbaHigh >> 8) << 40;
            _s.Remaining = _s.Count == 0 ? 0x10000 : _s.Count;
            return;
        }

        var low = (byte)_s.LbaLow;
        var middle = (byte)_s.LbaMid | (byte)_s.LbaHigh << 8;
        _s.Sector = (_s.Device & 0x40) != 0 ? low | (long)middle << 8 | (long)(_s.Device & 15) << 24 : drive.FromGeometry(middle, _s.Device & 15, low);
        _s.Remaining = (byte)_s.Count == 0 ? 0x100 : (byte)_s.Count;
    }

    private void BeginTransfer(AtaDrive drive, int blockSectors, bool isWrite)
    {
        Address(drive);
        _s.BlockSectors = (byte)blockSectors;
        _s.IsWrite = isWrite;
        if (!isWrite)
        {
            FillBlock();
        }
        else if (HasNextBlock(drive))
        {
            // The host is not interrupted for the first block of a write.
            OfferData(NextBlock(drive));
        }
    }

    private int NextBlock(AtaDrive drive) => (int)Math.Min(drive.Image.Sectors - _s.Sector, Math.Min(_s.BlockSectors, _s.Remaining));

    private bool HasNextBlock(AtaDrive drive)
    {
        if (_s.Sector >= 0 && _s.Sector < drive.Image.Sectors)
        {
            return true;
        }

        Complete(IdNotFound);
        return false;
    }

    private void Verify(AtaDrive drive)
    {
        Address(drive);
        Complete(_s.Sector >= 0 && _s.Sector + _s.Remaining <= drive.Image.Sectors ? (byte)0 : IdNotFound);
    }

    private void OfferData(int sectors)
    {
        _s.Position = 0;
        _s.Transfer = sectors * DiskImage.SectorSize;
        _s.Status = Ready | DataRequest;
    }

    private void FillBlock()
    {
        if (Selected is { } drive && HasNextBlock(drive))
        {
            var sectors = NextBlock(drive);
            drive.Image.Read(_s.Sector, _buffer.AsSpan(0, sectors * DiskImage.SectorSize));
            _s.Sector += sectors;
            _s.Remaining -= sectors;
            OfferData(sectors);
            SetInterrupt(true);
        }
    }

    private void StoreBlock()
    {
        if (Selected is not { } drive)
        {
            return;
        }

        var sectors = _s.Transfer / DiskImage.SectorSize;
        drive.Image.Write(_s.Sector, _buffer.AsSpan(0, _s.Transfer));
        _s.Sector += sectors;
        _s.Remaining -= sectors;
        if (_s.Remaining == 0)
        {
            Complete(0);
        }
        else if (HasNextBlock(drive))
        {
            OfferData(NextBlock(drive));
            SetInterrupt(true);
        }
    }

    private uint ReadData(int size)
    {
        var value = 0u;
        for (var i = 0; i < size && HasDataRequest(isWrite: false) && _s.Position < _s.Transfer; i++)
        {
            value |= (uint)_buffer[_s.Position++] << (8 * i);
        }

        if (HasDataRequest(isWrite: false) && _s.Position == _s.Transfer)
        {
            _s.Transfer = 0;
            if (_s.Remaining != 0)
            {
                Later(Action.FillBlock, Latency.DiskBlock);
            }
            else
            {
                _s.Status = Ready;
            }
        }

        return value;
    }

    private void WriteData(int size, uint value)
    {
        for (var i = 0; i < size && HasDataRequest(isWrite: true) && _s.Position < _s.Transfer; i++)
        {
            _buffer[_s.Position++] = (byte)(value >> (8 * i));
        }

        if (HasDataRequest(isWrite: true) && _s.Position == _s.Transfer)
        {
            Later(Action.StoreBlock, Latency.DiskBlock);
        }
    }

    private bool HasDataRequest(bool isWrite) => (_s.Status & DataRequest) != 0 && _s.IsWrite == isWrite;

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct State
    {
        public ushort Features;
        public ushort Count;
        public ushort LbaLow;
        public ushort LbaMid;
        public ushort LbaHigh;
        public byte Device;
        public byte Status;
        public byte Error;
        public byte Control;
        public byte Command;
        public bool Interrupt;
        public Action Action;

        // The transfer under way: the next sector, sectors left, and bytes of the present block.
        public bool IsWrite;
        public byte BlockSectors;
        public long Sector;
        public int Remaining;
        public int Transfer;
        public int Position;
    }
}
