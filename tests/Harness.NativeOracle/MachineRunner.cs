using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>
/// The machine in the state of <see cref="World"/>: a 32-bit ring-3 program over 4 KiB paging whose exceptions go through interrupt gates to ring 0,
/// where a sentinel ends the run and the frame on the ring-0 stack is read.
/// </summary>
public sealed class MachineRunner : ICaseRunner, IDisposable
{
    private const int MemorySize = 4 << 20;

    // Physical addresses; the pages from the GDT on are also mapped, for the supervisor only, at SystemBase.
    private const uint Directory = 0x300000;
    private const uint LowTable = 0x301000;
    private const uint SystemTable = 0x302000;
    private const uint Gdt = 0x303000;
    private const uint Ldt = 0x304000;
    private const uint Idt = 0x305000;
    private const uint Tss = 0x306000;
    private const uint RingZeroStackEnd = 0x308000;
    private const uint Handlers = 0x308000;
    private const uint SystemEnd = 0x309000;
    private const uint SystemBase = 0xC0000000;

    private const ushort RingZeroCode = 0x10;
    private const ushort RingZeroData = 0x18;
    private const ushort TssSelector = 0x30;
    private const ushort LdtSelector = 0x38;
    private const uint GdtLimit = 0x3F;
    private const uint TssLimit = 0x67;
    private const uint HandlerSpacing = 16;

    private readonly Ram _ram = new(MemorySize);
    private readonly Processor _processor;
    private readonly WorldMemory _memory;
    private readonly byte[] _found;

    /// <summary>A machine of a model.</summary>
    /// <param name="model">A model with the instructions of <see cref="Forms"/>, such as yonah.</param>
    public MachineRunner(string model)
    {
        Name = $"the machine, model {model}";
        var physical = new PhysicalMemory(_ram);
        physical.MapRam(0, MemorySize, 0, MapSide.Both);
        _processor = new Processor(ProcessorModel.Load(model), physical, new EmptyBus());
        _memory = new WorldMemory((address, bytes) => _ram.Write(address, bytes));
        _found = new byte[_memory.Size];
        foreach (Region region in World.Regions)
        {
            _ram.Write(region.Address, World.Content(region));
        }

        BuildPageTables();
        BuildDescriptorTables();
        _processor.SetSentinel(new LinearAddress(Linear(Handlers)), SystemEnd - Handlers);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The machine stopped for a reason that no case has: its defect.</exception>
    public CaseResult Run(Case test)
    {
        _memory.SetUp(test);
        Load(test.Before);
        Instruction instruction = CaseGenerator.Decode(test.Bitness, test.Code);
        bool repeats = instruction.IsStringInstruction && (instruction.HasRepPrefix || instruction.HasRepnePrefix);
        do
        {
            RunExit exit = _processor.Run(_processor.Ticks + 1);
            if (exit is not (RunExit.Limit or RunExit.Sentinel))
            {
                throw new InvalidOperationException($"the machine ended with {exit} after {CaseText.Describe(test)}");
            }
        }
        while (repeats && _processor.State.Cpl == 3 && _processor.State.Eip == test.Before.Eip);

        RegisterState after = Store();
        Fault? fault = _processor.State.Cpl == 0 ? ReadFrame(ref after) : null;
        int start = 0;
        foreach (Region region in _memory.Regions)
        {
            _ram.Read(region.Address, (int)region.Size).CopyTo(_found.AsSpan(start));
            start += (int)region.Size;
        }

        return new CaseResult(after, fault, _memory.Changes(_found));
    }

    /// <summary>Frees the machine.</summary>
    public void Dispose()
    {
        _processor.Dispose();
        _ram.Dispose();
    }

    private static uint Linear(uint physical) => SystemBase + (physical - Gdt);

    private static uint Rights(in Descriptor d) => (uint)d.Type | AccessRights.S | AccessRights.DplMask | (d.Present ? AccessRights.P : 0)
        | (d.Big ? AccessRights.DB : 0) | (d.Granular ? AccessRights.G : 0);

    private void BuildPageTables()
    {
        const uint present = 1;
        const uint writable = 2;
        const uint user = 4;
        Put32(Directory, LowTable | present | writable | user);
        Put32(Directory + (SystemBase >> 22) * 4, SystemTable | present | writable);
        foreach (Region region in World.Regions)
        {
            uint permission = present | user | (region.Permission == PagePermission.ReadWrite ? writable : 0);
            for (uint page = region.Address; page < region.Address + region.Size; page += World.PageSize)
            {
                Put32(LowTable + (page >> 12) * 4, page | permission);
            }
        }

        for (uint page = Gdt; page < SystemEnd; page += World.PageSize)
        {
            Put32(SystemTable + ((page - Gdt) >> 12) * 4, page | present | writable);
        }
    }

    private void BuildDescriptorTables()
    {
        const ulong flatRingZeroCode = 0x00CF9B000000FFFF;
        const ulong flatRingZeroData = 0x00CF93000000FFFF;
        Put64(Gdt + RingZeroCode, flatRingZeroCode);
        Put64(Gdt + RingZeroData, flatRingZeroData);
        Put64(Gdt + (World.FlatCode & ~7u), World.Find(World.FlatCode)!.Value.Raw);
        Put64(Gdt + (World.FlatData & ~7u), World.Find(World.FlatData)!.Value.Raw);
        for (int i = 0; i < World.Descriptors.Count; i++)
        {
            Put64(Ldt + 8 * (uint)i, World.Descriptors[i].Raw);
        }

        for (uint vector = 0; vector < 256; vector++)
        {
            uint handler = Linear(Handlers) + vector * HandlerSpacing;
            uint rights = vector is 3 or 4 ? 0xEE00u : 0x8E00;
            Put32(Idt + 8 * vector, (handler & 0xFFFF) | (uint)RingZeroCode << 16);
            Put32(Idt + 8 * vector + 4, (handler & 0xFFFF0000) | rights);
        }

        // ESP0, SS0, and an I/O map base behind the limit: no port is permitted.
        Put32(Tss + 4, Linear(RingZeroStackEnd));
        Put32(Tss + 8, RingZeroData);
        Put32(Tss + 0x64, (TssLimit + 1) << 16);
    }

    private void Load(in RegisterState before)
    {
        ref CpuState state = ref _processor.State;
        for (int i = 0; i < 8; i++)
        {
            _processor.Register(i) = before.Gpr[i];
        }

        for (int i = 0; i < 6; i++)
        {
            ushort selector = before.Segments[i];
            ref SegmentRegister segment = ref _processor.Segment((SegmentName)i);
            if (World.Find(selector) is Descriptor d)
            {
                segment.Set(selector, d.Base, d.EffectiveLimit, Rights(d));
            }
            else
            {
                segment.Set(selector, 0, 0, AccessRights.Unusable);
            }
        }

        state.Gdtr = new DescriptorTableRegister { Base = Linear(Gdt), Limit = (ushort)GdtLimit };
        state.Idtr = new DescriptorTableRegister { Base = Linear(Idt), Limit = 256 * 8 - 1 };
        state.Ldtr.Set(LdtSelector, Linear(Ldt), (uint)World.Descriptors.Count * 8 - 1, AccessRights.P | SystemType.Ldt);
        state.Tr.Set(TssSelector, Linear(Tss), TssLimit, AccessRights.P | SystemType.BusyTss32);
        state.System.Cr0 = Cr0.PE | Cr0.PG | Cr0.WP | Cr0.AM | Cr0.NE | Cr0.ET;
        state.System.Cr2 = 0;
        state.System.Cr3 = Directory;
        state.System.Cr4 = 0;
        state.Cpl = 3;
        state.Eip = before.Eip;
        state.PendingDebug = 0;
        state.Shadow = Shadow.None;
        state.Activity = Activity.Active;
        _processor.Flags = before.Eflags;
        _processor.StateChanged();
    }

    private RegisterState Store()
    {
        RegisterState after = default;
        for (int i = 0; i < 8; i++)
        {
            after.Gpr[i] = _processor.Register(i);
        }

        for (int i = 0; i < 6; i++)
        {
            after.Segments[i] = _processor.Segment((SegmentName)i).Selector;
        }

        after.Eip = _processor.State.Eip;
        after.Eflags = _processor.Flags & ~Eflags.RF;
        return after;
    }

    /// <summary>Reads what the processor pushed on its way to ring 0 (SDM Vol. 3A, 6.12.1), and puts it back into the registers.</summary>
    private Fault ReadFrame(ref RegisterState after)
    {
        int vector = (int)((after.Eip - Linear(Handlers)) / HandlerSpacing);
        uint frame = after.Gpr[4] - SystemBase + Gdt;
        uint errorCode = 0;
        if (vector is 8 or (>= 10 and <= 14) or 17)
        {
            errorCode = Get32(frame);
            frame += 4;
        }

        after.Eip = Get32(frame);
        after.Segments[1] = (ushort)Get32(frame + 4);
        after.Eflags = Get32(frame + 8) & ~Eflags.RF;
        after.Gpr[4] = Get32(frame + 12);
        after.Segments[2] = (ushort)Get32(frame + 16);
        return new Fault(vector, errorCode, vector == 14 ? _processor.State.System.Cr2 : 0);
    }

    private uint Get32(uint physical) => BinaryPrimitives.ReadUInt32LittleEndian(_ram.Read(physical, 4));

    private void Put32(uint physical, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _ram.Write(physical, bytes);
    }

    private void Put64(uint physical, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _ram.Write(physical, bytes);
    }

    /// <summary>No device, no interrupt.</summary>
    private sealed class EmptyBus : IProcessorBus
    {
        public long NextDeadline => long.MaxValue;

        public bool InterruptPending => false;

        public bool NmiPending => false;

        public bool StopRequested => false;

        public uint In(ushort port, int size, long now) => uint.MaxValue;

        public void Out(ushort port, int size, uint value, long now)
        {
        }

        public void SetNow(long now)
        {
        }

        public void AdvanceTo(long now)
        {
        }

        public byte AcknowledgeInterrupt() => 0;

        public void AcknowledgeNmi()
        {
        }
    }
}
