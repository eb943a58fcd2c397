namespace Harness.Scenarios;

/// <summary>
/// Where the parts of a built guest lie, physical and, without paging or with the identity map, linear. Page 0 stays empty, so that null pointers show. The
/// linear addresses from <see cref="End"/> up belong to monitors that deprivilege rings: no guest uses them by default.
/// </summary>
public static class GuestLayout
{
    public const uint Gdt = 0x1000;
    public const uint Tss = 0x1100;
    public const uint Idt = 0x1800;

    /// <summary>Handlers of vectors that the guest does not handle.</summary>
    public const uint Unhandled = 0x2000;

    /// <summary>Of a kernel that is built against hypercalls: the page that it shares with the monitor, and what it registers with it.</summary>
    public const uint Shared = 0x3000;
    public const uint PortMap = 0x3100;
    public const uint Traps = 0x3800;

    /// <summary>Kernel stacks of the processes of a <see cref="GuestKernel"/>, <see cref="ProcessStackBytes"/> each.</summary>
    public const uint ProcessStacks = 0x4000;
    public const uint ProcessStackBytes = 0x400;

    /// <summary>Tops of the stacks: at the start, and those which the TSS names for rings 0, 1 and 2.</summary>
    public const uint Stack = 0x8000;
    public const uint Stack0 = 0x9000;
    public const uint Stack1 = 0xA000;
    public const uint Stack2 = 0xB000;

    /// <summary>The ring of a <see cref="GuestKernel"/> that drives the block device with one.</summary>
    public const uint Ring = 0xC000;

    /// <summary>The ring of a <see cref="GuestKernel"/> that drives another machine's disk; the data lie at <see cref="Processes"/>.</summary>
    public const uint ServiceRing = 0xD000;

    /// <summary>Top of a stack for user code.</summary>
    public const uint UserStack = 0xF000;
    public const uint Code = 0x10000;

    /// <summary>Page tables of the processes, <see cref="ProcessTableBytes"/> each.</summary>
    public const uint ProcessTables = 0x20000;
    public const uint ProcessTableBytes = 0x5000;

    /// <summary>Where data of programs pass through on the way from and to the ring's disk: 16 sectors.</summary>
    public const uint RingBuffers = 0x3E000;

    /// <summary>Code, data and stack of the processes, <see cref="ProcessBytes"/> each: physical, and linear where there is no paging.</summary>
    public const uint Processes = 0x40000;
    public const uint ProcessBytes = 0x10000;

    /// <summary>The same of the programs for which there is no room below 640 KiB, and their page tables.</summary>
    public const uint MoreProcesses = 0x100000;
    public const uint MoreTables = 0x180000;
    public const uint MoreEnd = 0x200000;

    /// <summary>Where every process has its memory when paging is on, linear.</summary>
    public const uint ProcessBase = 0x400000;
    public const uint BootSector = 0x7C00;

    /// <summary>Of the linear addresses that a guest may use.</summary>
    public const uint End = 0xFFC00000;
}
