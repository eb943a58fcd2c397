using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;

namespace Harness.Tests.Machine;

/// <summary>A processor in flat 32-bit protected mode at CPL 0, paging off, over 1 MiB of memory and no devices.</summary>
internal sealed class ProcessorGuest : IProcessorBus, IDisposable
{
    public const uint CodeAt = 0x8000;
    private readonly Ram _ram = new(1 << 20);

    public ProcessorGuest(string model = "yonah")
        : this(ProcessorModel.Load(model))
    {
    }

    public ProcessorGuest(ProcessorModel model)
    {
        Memory = new PhysicalMemory(_ram);
        Memory.MapRam(0, 1 << 20, 0, MapSide.Both);
        Processor = new Processor(model, Memory, this);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            Processor.LoadFlat(name, (ushort)(name == SegmentName.CS ? 8 : 16), name == SegmentName.CS ? AccessRights.Code : 0);
        }

        Processor.State.System.Cr0 = Cr0.PE | Cr0.ET;
        Processor.State.Eip = CodeAt;
        Processor.Register(4) = 0x70000;
    }

    public PhysicalMemory Memory { get; }

    public Processor Processor { get; }

    public long NextDeadline => long.MaxValue;

    public bool InterruptPending => false;

    public bool NmiPending => false;

    public bool StopRequested => false;

    public void Put(uint address, params ReadOnlySpan<byte> bytes) => Memory.Write(new PhysicalAddress(address), bytes);

    public void Put32(uint address, params ReadOnlySpan<uint> values)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, values[i]);
            Put(address + (uint)i * 4, bytes);
        }
    }

    public RunExit Run(long ticks)
    {
        Processor.StateChanged();
        return Processor.Run(Processor.Ticks + ticks);
    }

    /// <summary>Identity paging of the first 4 MiB: a directory at 1000h, its table at 2000h.</summary>
    public void TurnPagingOn()
    {
        Put32(0x1000, 0x2007);
        for (uint page = 0; page < 1024; page++)
        {
            Put32(0x2000 + page * 4, page << 12 | 7);
        }

        Processor.State.System.Cr3 = 0x1000;
        Processor.State.System.Cr0 |= Cr0.PG | Cr0.WP;
    }

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

    public void Dispose()
    {
        Processor.Dispose();
        _ram.Dispose();
    }
}
