namespace Harness.Engines.Vtx;

/// <summary>
/// The monitor's host memory: its own tables, mapped where they lie, VMXON region and VMCS, the task segment of the guest's virtual-8086 mode, shadow tables.
/// </summary>
internal static class MonitorMemory
{
    public const uint VmxonRegion = 0x5000;
    public const uint Vmcs = 0x6000;
    public const uint Gdt = 0x1000;
    public const uint Idt = 0x2000;
    public const uint Task = 0x7000;
    public const uint StackTop = 0x5000;
    public const uint HostDirectory = 0x8000;
    public const ushort CodeSelector = 8;
    public const ushort DataSelector = 16;
    public const ushort TaskSelector = 24;

    /// <summary>HOST_RIP: behind the 256 entry points of traps.</summary>
    public const uint ExitEntry = Entry + 256;

    /// <summary>Linear address of the task segment, above all that virtual-8086 mode can address; in host memory it lies elsewhere.</summary>
    public const uint V86Task = 0x400000;

    /// <summary>Inclusive: the segment, the redirection bitmap, the I/O bitmap and its closing byte.</summary>
    public const uint V86TaskLimit = V86IoMap + IoMapBytes;

    private const uint Entry = 0x3000;
    private const uint HostTable = 0x9000;
    private const uint V86TaskFrames = 0xA000;
    private const uint V86TaskTable = 0xD000;
    private const uint V86Directory = 0xE000;
    private const uint GuestDirectory = 0x10000;
    private const uint TaskBytes = 104;
    private const uint RedirectionBytes = 32;
    private const uint V86IoMap = TaskBytes + RedirectionBytes;
    private const uint IoMapBytes = 0x2000;
    private const uint PageSize = ShadowSpace.PageSize;
    private const uint Flat = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB;

    /// <summary>The linear space of real mode: its first 4 MiB, of which 10FFEFh is the last that it can address; the task segment follows.</summary>
    public static ShadowSpace V86Space { get; } = new(V86Task, V86Directory, GuestDirectory, IsUser: true, IsPae: false);

    /// <summary>All linear space is the guest's: the monitor is reached by VM exits alone.</summary>
    public static ShadowSpace GuestSpace(IHost host, long monitorBytes, bool hasLarge) =>
        new(1ul << 32, GuestDirectory, IoBitmaps(monitorBytes), IsUser: false, host.Has(Feature.Nx), hasLarge);

    /// <summary>The two I/O bitmaps of VT-x, at the end.</summary>
    public static uint IoBitmaps(long monitorBytes) => (uint)monitorBytes - 2 * PageSize;

    /// <summary>Builds everything that never changes, and enters protected mode with paging and VMX operation allowed.</summary>
    public static void Install(IHost host)
    {
        IHostMemory memory = host.Memory;
        for (uint i = 0; i < 1024; i++)
        {
            memory.WriteUInt32(new HostPhysicalAddress(HostTable + i * 4), i * PageSize | PageEntry.P | PageEntry.RW);
        }

        memory.WriteUInt32(new HostPhysicalAddress(HostDirectory), HostTable | PageEntry.P | PageEntry.RW);
        memory.WriteUInt64(new HostPhysicalAddress(Gdt + CodeSelector), Descriptor.Segment(0, uint.MaxValue, Flat | AccessRights.Code).Raw);
        memory.WriteUInt64(new HostPhysicalAddress(Gdt + DataSelector), Descriptor.Segment(0, uint.MaxValue, Flat).Raw);
        memory.WriteUInt64(new HostPhysicalAddress(Gdt + TaskSelector), Descriptor.Segment(Task, TaskBytes - 1, AccessRights.P | SystemType.AvailableTss32).Raw);
        memory.WriteUInt32(new HostPhysicalAddress(Task + 4), StackTop);
        memory.WriteUInt32(new HostPhysicalAddress(Task + 8), DataSelector);
        for (uint vector = 0; vector < 256; vector++)
        {
            memory.WriteUInt64(
                new HostPhysicalAddress(Idt + vector * 8), Descriptor.Gate(CodeSelector, Entry + vector, SystemType.InterruptGate32, 0).Raw);
        }

        host.Cr3 = HostDirectory;
        host.Cr4 = Cr4.VMXE;
        host.Cr0 = Cr0.PE | Cr0.PG | Cr0.NE | Cr0.ET;
        host.LoadGdt(new LinearAddress(Gdt), TaskSelector + 7);
        host.LoadIdt(new LinearAddress(Idt), 256 * 8 - 1);
        host.LoadTask(TaskSelector);
        host.SetEntry(CodeSelector, DataSelector, new LinearAddress(Entry));
        InstallV86Task(memory);
    }

    /// <summary>Both bitmaps are zero: INT n goes through the guest's vector table, and an IN or OUT gets as far as its VM exit (SDM Vol. 3A, 20.3.3; 3C, 25.1.1).</summary>
    private static void InstallV86Task(IHostMemory memory)
    {
        V86Space.WriteDirectory(memory, V86Task, V86TaskTable | PageEntry.P);
        for (uint page = 0; page * PageSize <= V86TaskLimit; page++)
        {
            V86Space.WriteTable(memory, V86TaskTable, page * PageSize, (V86TaskFrames + page * PageSize) | PageEntry.P);
        }

        memory.WriteUInt32(new HostPhysicalAddress(V86TaskFrames + TaskBytes - 4), V86IoMap << 16);
        memory.Write(new HostPhysicalAddress(V86TaskFrames + V86TaskLimit), [0xFF]);
    }
}
