using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Iced.Intel;

namespace Harness.Tests.Hardware.Vmx;

/// <summary>
/// A yonah in VMX root operation with flat segments over one identity-mapped large page, a VMCS whose guest is in the same state, and a sentinel at HOST_RIP.
/// </summary>
internal sealed class VmxMachine : IDisposable
{
    public const uint Directory = 0x1000;
    public const uint Gdt = 0x2000;
    public const uint Tss = 0x3000;
    public const uint Idt = 0x4000;
    public const uint VmxonRegion = 0x10000;
    public const uint VmcsRegion = 0x11000;
    public const uint BitmapA = 0x12000;
    public const uint BitmapB = 0x13000;
    public const uint MsrBitmaps = 0x14000;
    public const uint MsrList = 0x15000;
    public const uint Stack = 0x20000;
    public const uint HostEntry = 0x21000;
    public const uint GuestCode = 0x30000;
    public const uint Handlers = 0x40000;
    public const uint Data = 0x50000;
    public const uint Unmapped = 0x400000;
    public const ushort CodeSelector = 0x08;
    public const ushort DataSelector = 0x10;
    public const ushort TaskSelector = 0x18;
    public const ushort OtherTaskSelector = 0x20;
    public const ushort UserCode = 0x2B;
    public const ushort UserData = 0x33;
    public const uint Code32 = 0xC09B;
    public const uint Data32 = 0xC093;
    private const int MemorySize = 4 << 20;
    private const uint GdtLimit = 0x37;
    private const uint TssLimit = 0x67;
    private readonly Ram _ram = new(MemorySize);
    private bool _launched;

    public VmxMachine()
    {
        var memory = new PhysicalMemory(_ram);
        memory.MapRam(0, MemorySize, 0, MapSide.Both);
        ProcessorModel model = ProcessorModel.Load("yonah");
        model.Add(new VmxExtension(model, "yonah"));
        Processor = new Processor(model, memory, Bus);
        BuildTables();
        SetHostState();
        Processor.Port.WriteMsr(Msr.IA32_FEATURE_CONTROL, 5);
        Vmx = new VmxInstructions(Processor);
        Write(VmxonRegion, Vmx.Unit.Capabilities.Revision);
        Write(VmcsRegion, Vmx.Unit.Capabilities.Revision);
    }

    public TestBus Bus { get; } = new();

    public Processor Processor { get; }

    public VmxInstructions Vmx { get; }

    public ulong this[VmcsField field]
    {
        get => Vmx.Vmread(field);
        set => Vmx.Vmwrite(field, value);
    }

    public uint Low(VmcsField field) => (uint)this[field];

    /// <summary>Enters VMX operation and makes a VMCS current whose guest runs <paramref name="code"/>.</summary>
    public static VmxMachine WithGuest(Action<Assembler> code)
    {
        var machine = new VmxMachine();
        machine.EnterOperation();
        machine.Assemble(GuestCode, code);
        return machine;
    }

    public void EnterOperation()
    {
        Vmx.Vmxon(new PhysicalAddress(VmxonRegion));
        Vmx.Vmclear(new PhysicalAddress(VmcsRegion));
        Vmx.Vmptrld(new PhysicalAddress(VmcsRegion));
        foreach ((VmcsField field, ulong value) in ValidState())
        {
            this[field] = value;
        }

        Processor.SetSentinel(new LinearAddress(HostEntry), 1);
    }

    public void Assemble(uint address, Action<Assembler> code)
    {
        var assembler = new Assembler(32);
        code(assembler);
        var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        _ram.Write(address, stream.ToArray());
    }

    public void Write(uint address, uint value) => _ram.Write(address, BitConverter.GetBytes(value));

    public void Write(uint address, params byte[] bytes) => _ram.Write(address, bytes);

    public uint Read(uint address) => BitConverter.ToUInt32(_ram.Read(address, 4));

    public void SetGate(byte vector, ulong gate)
    {
        Write(Idt + vector * 8u, (uint)gate);
        Write(Idt + vector * 8u + 4, (uint)(gate >> 32));
    }

    /// <summary>Sets bits in a field.</summary>
    public void Set(VmcsField field, ulong bits) => this[field] |= bits;

    /// <summary>Enters the guest and runs until an exit; the basic exit reason.</summary>
    public ExitReason Run()
    {
        VmxResult result = _launched ? Vmx.Vmresume() : Vmx.Vmlaunch();
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"the VM entry failed: {result}");
        }

        RunExit exit = Processor.Run(Processor.Ticks + 100_000);
        if (exit != RunExit.Sentinel)
        {
            throw new InvalidOperationException($"the guest ended with {exit} at {Processor.State.Eip:X8}");
        }

        uint reason = Low(VmcsField.ExitReason);
        _launched |= (reason & ExitReasons.EntryFailure) == 0;
        return (ExitReason)(reason & 0xFFFF);
    }

    /// <summary>Moves the guest past the instruction that exited.</summary>
    public void Skip() => this[VmcsField.GuestRip] += this[VmcsField.ExitInstructionLength];

    public void Dispose()
    {
        Processor.Dispose();
        _ram.Dispose();
    }

    /// <summary>Every field that a VM entry looks at, and its value in a state that passes all checks.</summary>
    public static IEnumerable<(VmcsField Field, ulong Value)> ValidState()
    {
        const uint Cr0Value = Cr0.PG | Cr0.NE | Cr0.ET | Cr0.PE;
        const uint Cr4Value = Cr4.VMXE | Cr4.PSE;
        yield return (VmcsField.PinBasedControls, 0x16);
        yield return (VmcsField.ProcessorBasedControls, 0x0401E172);
        yield return (VmcsField.ExitControls, 0x36DFF);
        yield return (VmcsField.EntryControls, 0x11FF);
        yield return (VmcsField.VmcsLinkPointer, ulong.MaxValue);
        yield return (VmcsField.IoBitmapA, BitmapA);
        yield return (VmcsField.IoBitmapB, BitmapB);
        yield return (VmcsField.MsrBitmaps, MsrBitmaps);
        yield return (VmcsField.HostCr0, Cr0Value);
        yield return (VmcsField.HostCr3, Directory);
        yield return (VmcsField.HostCr4, Cr4Value);
        yield return (VmcsField.HostCsSelector, CodeSelector);
        foreach (VmcsField field in new[]
        {
            VmcsField.HostEsSelector, VmcsField.HostSsSelector, VmcsField.HostDsSelector, VmcsField.HostFsSelector, VmcsField.HostGsSelector,
        })
        {
            yield return (field, DataSelector);
        }

        yield return (VmcsField.HostTrSelector, TaskSelector);
        yield return (VmcsField.HostTrBase, Tss);
        yield return (VmcsField.HostGdtrBase, Gdt);
        yield return (VmcsField.HostIdtrBase, Idt);
        yield return (VmcsField.HostRsp, Stack);
        yield return (VmcsField.HostRip, HostEntry);
        yield return (VmcsField.GuestCr0, Cr0Value);
        yield return (VmcsField.GuestCr3, Directory);
        yield return (VmcsField.GuestCr4, Cr4Value);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            bool code = name == SegmentName.CS;
            yield return (GuestSegment.SelectorField(name), code ? CodeSelector : DataSelector);
            yield return (GuestSegment.LimitField(name), uint.MaxValue);
            yield return (GuestSegment.RightsField(name), code ? Code32 : Data32);
        }

        yield return (VmcsField.GuestTrSelector, TaskSelector);
        yield return (VmcsField.GuestTrBase, Tss);
        yield return (VmcsField.GuestTrLimit, TssLimit);
        yield return (VmcsField.GuestTrAccessRights, AccessRights.P | SystemType.BusyTss32);
        yield return (VmcsField.GuestLdtrAccessRights, AccessRights.Unusable);
        yield return (VmcsField.GuestGdtrBase, Gdt);
        yield return (VmcsField.GuestGdtrLimit, GdtLimit);
        yield return (VmcsField.GuestIdtrBase, Idt);
        yield return (VmcsField.GuestIdtrLimit, 0x7FF);
        yield return (VmcsField.GuestDr7, 0x400);
        yield return (VmcsField.GuestRsp, Stack);
        yield return (VmcsField.GuestRip, GuestCode);
        yield return (VmcsField.GuestRflags, Eflags.Fixed);
    }

    private void BuildTables()
    {
        Write(Directory, PageEntry.P | PageEntry.RW | PageEntry.US | PageEntry.PS);
        Descriptor[] gdt =
        [
            default, Descriptor.Segment(0, uint.MaxValue, Code32), Descriptor.Segment(0, uint.MaxValue, Data32),
            Descriptor.Segment(Tss, TssLimit, AccessRights.P | SystemType.BusyTss32),
            Descriptor.Segment(Tss + 0x100, TssLimit, AccessRights.P | SystemType.AvailableTss32),
            Descriptor.Segment(0, uint.MaxValue, Code32 | AccessRights.DplMask), Descriptor.Segment(0, uint.MaxValue, Data32 | AccessRights.DplMask),
        ];
        for (int i = 0; i < gdt.Length; i++)
        {
            Write(Gdt + (uint)i * 8, gdt[i].Low);
            Write(Gdt + (uint)i * 8 + 4, gdt[i].High);
        }

        Write(Tss + 4, Stack);
        Write(Tss + 8, DataSelector);
        for (int vector = 0; vector < 256; vector++)
        {
            SetGate((byte)vector, Descriptor.Gate(CodeSelector, Handlers + (uint)vector * 16, SystemType.InterruptGate32, 3).Raw);
        }
    }

    private void SetHostState()
    {
        ref CpuState state = ref Processor.State;
        state.System.Cr0 = Cr0.PG | Cr0.NE | Cr0.ET | Cr0.PE;
        state.System.Cr3 = Directory;
        state.System.Cr4 = Cr4.VMXE | Cr4.PSE;
        state.Cs.Set(CodeSelector, 0, uint.MaxValue, Code32);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            if (name != SegmentName.CS)
            {
                Processor.Segment(name).Set(DataSelector, 0, uint.MaxValue, Data32);
            }
        }

        state.Tr.Set(TaskSelector, Tss, TssLimit, AccessRights.P | SystemType.BusyTss32);
        state.Gdtr = new DescriptorTableRegister { Base = Gdt, Limit = (ushort)GdtLimit };
        state.Idtr = new DescriptorTableRegister { Base = Idt, Limit = 0x7FF };
        Processor.Register(4) = Stack;
        state.Eip = HostEntry;
        Processor.StateChanged();
    }

    /// <summary>Interrupt lines that a test sets, and a memory of port accesses.</summary>
    internal sealed class TestBus : IProcessorBus
    {
        public byte? Interrupt { get; set; }

        public bool NmiPending { get; set; }

        public List<(ushort Port, uint Value)> Written { get; } = [];

        public long NextDeadline => long.MaxValue;

        public bool InterruptPending => Interrupt.HasValue;

        public bool StopRequested => false;

        public uint In(ushort port, int size, long now) => 0x11223344;

        public void Out(ushort port, int size, uint value, long now) => Written.Add((port, value));

        public void SetNow(long now)
        {
        }

        public void AdvanceTo(long now)
        {
        }

        public byte AcknowledgeInterrupt()
        {
            byte vector = Interrupt!.Value;
            Interrupt = null;
            return vector;
        }

        public void AcknowledgeNmi() => NmiPending = false;
    }
}
