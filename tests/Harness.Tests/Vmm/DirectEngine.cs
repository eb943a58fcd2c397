using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;
using Harness.Vmm;

namespace Harness.Tests.Vmm;

/// <summary>
/// The smallest monitor that runs a guest kernel directly: flat protected mode without paging, in ring 3 over a page table that maps the guest's RAM; whatever
/// traps is emulated. Its lies are for the tests.
/// </summary>
internal sealed class DirectEngine : IEngine
{
    public string Name => "direct";

    public string Description => "ring 3 for everything";

    public MonitorKind Kind => MonitorKind.Deprivileged;

    /// <summary>Applied by the inverse map after the honest part.</summary>
    public Func<GuestRegisters, GuestRegisters>? Lie { get; init; }

    /// <summary>Maps the monitor's own memory for the guest.</summary>
    public bool LeavesDoorOpen { get; init; }

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

    public IMonitor Create(MonitorContext context) => new Monitor(context, this);

    private sealed class Monitor : IMonitor
    {
        private const uint Top = 0xFFC00000;
        private const uint Present = 1, Writable = 2, User = 4;
        private readonly MonitorContext _context;
        private readonly DirectEngine _engine;
        private readonly TrapFrame _frame = new();

        public Monitor(MonitorContext context, DirectEngine engine)
        {
            _context = context;
            _engine = engine;
            IHost host = context.Host;
            uint user = engine.LeavesDoorOpen ? User : 0;
            Put(0x10_0000, 0x10_1000 | Present | Writable | User);
            Put(0x10_0FFC, 0x10_2000 | Present | Writable | user);
            for (uint page = 0; page < 1024; page++)
            {
                HostPhysicalAddress? at = context.GuestMemory.Translate(new GuestPhysicalAddress(page * 4096), write: true);
                Put(0x10_1000 + page * 4, at is { } guest ? (uint)guest.Value | Present | Writable | User : 0);
                Put(0x10_2000 + page * 4, page * 4096 | Present | Writable | user);
            }

            Put(0x1008, 0x00CF9B000000FFFF);
            Put(0x1010, 0x00CF93000000FFFF);
            Put(0x1018, 0xFF0089C030000067);
            Put(0x1020, 0x00CFFB000000FFFF);
            Put(0x1028, 0x00CFF3000000FFFF);
            for (uint vector = 0; vector < 256; vector++)
            {
                uint offset = Top + 0x7000 + vector;
                Put(0x2000 + vector * 8, offset & 0xFFFF | 8u << 16 | ((ulong)(offset & 0xFFFF0000) | 0x8E00) << 32);
            }

            Put(0x3004, 0x10_FFC06000);
            Put(0x3064, 0x0068_0000);
            host.Cr3 = 0x10_0000;
            host.Cr0 = Cr0.PE | Cr0.PG | Cr0.ET;
            host.LoadGdt(new LinearAddress(Top + 0x1000), 0x2F);
            host.LoadIdt(new LinearAddress(Top + 0x2000), 0x7FF);
            host.LoadTask(0x18);
            host.SetEntry(8, 0x10, new LinearAddress(Top + 0x7000));
        }

        public string? StopReason => null;

        public bool IsEmulating { get; private set; } = true;

        public GuestEnd Run(long limit)
        {
            Emulator emulator = _context.Emulator;
            while (_context.Machine.Clock.Ticks < limit)
            {
                if (IsEmulating)
                {
                    emulator.AdvanceDevices();
                    bool interrupt = emulator.InterruptPending && (emulator.Flags & Eflags.IF) != 0;
                    if (emulator.IsHalted || interrupt || emulator.InShadow || (emulator.Flags & Eflags.RF) != 0)
                    {
                        GuestEnd end = emulator.IsHalted ? emulator.Run(Math.Min(limit, emulator.NextDeadline)) : emulator.Step();
                        if (end != GuestEnd.Limit)
                        {
                            return end;
                        }

                        continue;
                    }

                    Load();
                }

                _context.Host.InterruptAt(emulator.NextDeadline);
                if (_context.Host.Resume(_frame) == HostReturn.Ended)
                {
                    return GuestEnd.Limit;
                }

                Store();
                if (_frame.Vector != _context.Host.HostInterruptVector)
                {
                    GuestEnd end = emulator.Step();
                    if (end != GuestEnd.Limit)
                    {
                        return end;
                    }
                }
            }

            return GuestEnd.Limit;
        }

        public void Translate(ref GuestRegisters registers)
        {
            Emulator emulator = _context.Emulator;
            registers.SystemFlags = emulator.Flags & ~GuestRegisters.Arithmetic;
            registers.Cpl = 0;
            registers.Cs = emulator.Segment(SegmentName.CS).Selector;
            registers.Ss = emulator.Segment(SegmentName.SS).Selector;
            registers.Ds = emulator.Segment(SegmentName.DS).Selector;
            registers.Es = emulator.Segment(SegmentName.ES).Selector;
            registers.Fs = emulator.Segment(SegmentName.FS).Selector;
            registers.Gs = emulator.Segment(SegmentName.GS).Selector;
            registers.Ldtr = emulator.Segment(SegmentName.LDTR).Selector;
            registers.Tr = emulator.Segment(SegmentName.TR).Selector;
            (registers.GdtrBase, registers.GdtrLimit) = (emulator.Gdtr.Base, (ushort)emulator.Gdtr.Limit);
            (registers.IdtrBase, registers.IdtrLimit) = (emulator.Idtr.Base, (ushort)emulator.Idtr.Limit);
            registers.Cr0 = emulator.System.Cr0;
            registers.Cr2 = emulator.System.Cr2;
            registers.Cr3 = emulator.System.Cr3;
            registers.Cr4 = emulator.System.Cr4;
            registers.Dr7 = emulator.System.Dr7;
            registers = _engine.Lie?.Invoke(registers) ?? registers;
        }

        public void Dispose()
        {
        }

        private void Load()
        {
            Emulator emulator = _context.Emulator;
            for (int i = 0; i < 8; i++)
            {
                _frame[i] = emulator.Gpr(i);
            }

            _frame.Eip = emulator.Eip;
            _frame.Eflags = emulator.Flags & GuestRegisters.Arithmetic | Eflags.IF | Eflags.Fixed;
            (_frame.Cs, _frame.Ss) = (0x23, 0x2B);
            (_frame.Ds, _frame.Es, _frame.Fs, _frame.Gs) = (0x2B, 0x2B, 0x2B, 0x2B);
            IsEmulating = false;
        }

        private void Store()
        {
            Emulator emulator = _context.Emulator;
            for (int i = 0; i < 8; i++)
            {
                emulator.Gpr(i) = _frame[i];
            }

            emulator.Eip = _frame.Eip;
            emulator.Flags = emulator.Flags & ~GuestRegisters.Arithmetic | _frame.Eflags & GuestRegisters.Arithmetic;
            IsEmulating = true;
        }

        private void Put(uint address, ulong value)
        {
            Span<byte> raw = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(raw, value);
            _context.Host.Memory.Write(new HostPhysicalAddress(address), address >= 0x10_0000 ? raw[..4] : raw);
        }
    }
}
