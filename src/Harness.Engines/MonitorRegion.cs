using Harness.Engines.Translate;
using Harness.Machine.Devices;

namespace Harness.Engines;

/// <summary>
/// The monitor's part of linear space, the top 4 MiB, and what lies in it: descriptor tables, task segment, stack and entry points, at the first 4 MiB of host
/// memory. Page tables follow there and are reached by their physical addresses alone.
/// </summary>
/// <param name="host">The processor.</param>
/// <param name="spaces">All spaces that the guest runs in; the first is in use from the start.</param>
/// <param name="hasCache">There are segments for translated code and its data, which reach the region.</param>
internal sealed class MonitorRegion(IHost host, ShadowSpace[] spaces, bool hasCache)
{
    /// <summary>First linear address that is the monitor's.</summary>
    public const uint Start = 0xFFC00000;
    private const uint Bytes = 1 << 22;

    public const uint Gdt = 0;
    public const uint Ldt = 0x10000;

    /// <summary>Host-physical: the page directory, and behind it the page tables of the guest's space.</summary>
    public const uint Directory = 0x27000;

    /// <summary>Descriptors of the monitor, which follow each other.</summary>
    public int Count { get; } = hasCache ? Slots + 2 : Slots;

    /// <summary>Of them, those that every monitor has.</summary>
    public const int Slots = 4;
    private const int CodeSlot = 0;
    private const int StackSlot = 1;
    private const int TaskSlot = 2;
    private const int LdtSlot = 3;
    private const int CacheSlot = Slots;
    private const int CacheDataSlot = Slots + 1;

    private const uint Idt = 0x20000;
    private const uint Task = 0x21000;
    private const uint StackTop = 0x24000;
    private const uint Entry = 0x24000;

    /// <summary>One page table, or under PAE two.</summary>
    private const uint RegionTable = 0x25000;
    /// <summary>The task segment proper, and behind it the I/O permission bitmap up to the ports that may be open, with its closing byte (SDM Vol. 1, 18.5.2).</summary>
    private const uint TaskBytes = 104;
    private const uint PortMapBytes = (BlockRingInterface.FirstPort + BlockRingInterface.Ports) / 8 + 1;
    private const uint TaskLimit = TaskBytes + PortMapBytes - 1;
    private const uint PageSize = 0x1000;
    private const uint Flat = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB;

    private ushort _first;
    private bool _portsAreOpen;

    /// <summary>The code segment of translated code, in ring 1.</summary>
    public ushort CacheSelector => (ushort)(_first + CacheSlot * 8 + 1);

    /// <summary>The segment of its data.</summary>
    public ushort CacheDataSelector => (ushort)(_first + CacheDataSlot * 8 + 1);

    /// <summary>The monitor's own LDT selector.</summary>
    private ushort LdtSelector => (ushort)(_first + LdtSlot * 8);

    /// <summary>Builds the tables that never change and turns paging on.</summary>
    public void Install()
    {
        foreach (ShadowSpace space in spaces)
        {
            space.Install(host);
            uint tableSpan = 1u << space.TableShift;
            for (uint offset = 0; offset < Bytes; offset += PageSize)
            {
                uint table = RegionTable + offset / tableSpan * PageSize;
                space.WriteTable(host.Memory, table, offset, offset | PageEntry.P | PageEntry.RW);
                space.WriteDirectory(host.Memory, Start + offset, table | PageEntry.P | PageEntry.RW);
            }
        }

        host.Cr4 = spaces[0].Cr4;
        host.Cr3 = spaces[0].Root;
        host.Cr0 = Cr0.PE | Cr0.PG | Cr0.ET;
    }

    /// <summary>Puts the monitor's descriptors at the selector and loads what names them. No I/O bitmap at first: every port traps.</summary>
    public void Place(ushort first) => Place(first, Count);

    /// <summary>The same with room for further descriptors up to so many slots.</summary>
    public void Place(ushort first, int slots)
    {
        _first = first;
        var code = (ushort)(first + CodeSlot * 8);
        var stack = (ushort)(first + StackSlot * 8);
        var task = (ushort)(first + TaskSlot * 8);
        WriteDescriptor(code, Descriptor.Segment(0, uint.MaxValue, Flat | AccessRights.Code));
        WriteDescriptor(stack, Descriptor.Segment(0, uint.MaxValue, Flat));
        WriteDescriptor(task, Descriptor.Segment(Start + Task, TaskLimit, AccessRights.P | SystemType.AvailableTss32));
        if (hasCache)
        {
            const uint ring1 = 1u << AccessRights.DplShift;
            WriteDescriptor(CacheSlot, Descriptor.Segment(0, uint.MaxValue, Flat | AccessRights.Code | ring1));
            WriteDescriptor(CacheDataSlot, Descriptor.Segment(Start + CacheData.Start, CacheData.Bytes - 1, Flat | ring1));
        }

        for (uint vector = 0; vector < 256; vector++)
        {
            host.Memory.WriteUInt64(
                new HostPhysicalAddress(Idt + vector * 8), Descriptor.Gate(code, Start + Entry + vector, SystemType.InterruptGate32, 0).Raw);
        }

        host.Memory.WriteUInt32(new HostPhysicalAddress(Task + 4), Start + StackTop);
        host.Memory.WriteUInt32(new HostPhysicalAddress(Task + 8), stack);
        Span<byte> portMap = stackalloc byte[(int)PortMapBytes];
        portMap.Fill(byte.MaxValue);
        portMap.Slice(BlockRingInterface.FirstPort / 8, BlockRingInterface.Ports / 8).Clear();
        host.Memory.Write(new HostPhysicalAddress(Task + TaskBytes), portMap);
        _portsAreOpen = false;
        WritePortMapBase();
        host.LoadGdt(new LinearAddress(Start + Gdt), (ushort)(first + slots * 8 - 1));
        host.LoadIdt(new LinearAddress(Start + Idt), 256 * 8 - 1);
        host.LoadTask(task);
        host.SetEntry(code, stack, new LinearAddress(Start + Entry));
    }

    /// <summary>Loads the shadow of a guest LDT of so many bytes; none: a null LDTR.</summary>
    public void LoadLdt(uint bytes)
    {
        if (bytes == 0)
        {
            host.LoadLdt(0);
            return;
        }

        WriteDescriptor(LdtSelector, Descriptor.Segment(Start + Ldt, bytes - 1, AccessRights.P | SystemType.Ldt));
        host.LoadLdt(LdtSelector);
    }

    /// <summary>Whether a less privileged ring reaches the ports of the block device with a ring; no other port is ever open.</summary>
    public void OpenPorts(bool open)
    {
        if (_portsAreOpen != open)
        {
            _portsAreOpen = open;
            WritePortMapBase();
        }
    }

    private void WritePortMapBase() => host.Memory.WriteUInt32(new HostPhysicalAddress(Task + 100), (_portsAreOpen ? TaskBytes : TaskLimit + 1) << 16);

    /// <summary>Lets INT n of a less privileged ring enter the monitor.</summary>
    public void Open(byte vector, int dpl) => WriteGate(vector, Descriptor.Gate((ushort)(_first + CodeSlot * 8), Start + Entry + vector, SystemType.InterruptGate32, dpl));

    /// <summary>Replaces the gate of a vector.</summary>
    public void WriteGate(byte vector, Descriptor gate) => host.Memory.WriteUInt64(new HostPhysicalAddress(Idt + vector * 8u), gate.Raw);

    /// <summary>The stack that an entry from ring 3 into ring 1 loads.</summary>
    public void SetStack1(ushort ss, uint esp)
    {
        host.Memory.WriteUInt32(new HostPhysicalAddress(Task + 12), esp);
        host.Memory.WriteUInt32(new HostPhysicalAddress(Task + 16), ss);
    }

    /// <summary>Puts a frame in the place of a page of the monitor's own GDT.</summary>
    public void MapGdt(uint page, uint frame)
    {
        foreach (ShadowSpace space in spaces)
        {
            space.WriteTable(host.Memory, RegionTable, Gdt + page * PageSize, frame | PageEntry.P | PageEntry.RW);
        }

        host.InvalidatePage(new LinearAddress(Start + Gdt + page * PageSize));
    }

    /// <summary>A descriptor in the monitor's part of the GDT, behind its own.</summary>
    public void WriteDescriptor(int slot, Descriptor descriptor) => WriteDescriptor((ushort)(_first + slot * 8), descriptor);

    private void WriteDescriptor(ushort selector, Descriptor descriptor) => host.Memory.WriteUInt64(new HostPhysicalAddress(Gdt + selector), descriptor.Raw);
}
