namespace Harness.Machine;

/// <summary>A translation as a monitor needs it to build its own: where the page is, and what the guest's entries allow.</summary>
/// <param name="Physical">Address of the byte.</param>
/// <param name="Writable">A write at the same privilege would succeed with no bit left to set.</param>
/// <param name="UserMode">User-mode accesses are allowed.</param>
/// <param name="Global">A global page.</param>
/// <param name="ErrorCode">Where the walk failed: the error code of the #PF.</param>
public readonly record struct PageWalk(PhysicalAddress Physical, bool Writable, bool UserMode, bool Global, uint ErrorCode)
{
    /// <summary>As <see cref="Translation.Rights"/>.</summary>
    internal uint Rights { get; init; }

    /// <summary>Physical address of the entry that maps the page; 0 with paging off.</summary>
    internal uint Entry { get; init; }

    /// <summary>The walk sets accessed or dirty bits, or would.</summary>
    public bool SetsBits { get; internal init; }

    /// <summary>One entry maps 4 MiB, or 2 MiB under PAE paging.</summary>
    public bool IsLarge => (Rights & PageEntry.PS) != 0;

    /// <summary>Instruction fetches are not allowed.</summary>
    public bool ExecuteDisable => (Rights & Translation.ExecuteDisable) != 0;
}

/// <summary>Single supervisor instructions for software that plays ring 0 from outside: a monitor in C#.</summary>
public sealed unsafe partial class Processor
{
    /// <summary>MOV to a data segment register, at the current privilege level. False: the fault that it raised, and nothing has changed.</summary>
    public bool TryLoadSegment(SegmentName name, ushort selector, out Fault fault) =>
        Perform((ref MachinePort port) => SegmentLoad.Load(ref port, name, selector), out fault);

    /// <summary>LLDT.</summary>
    public bool TryLoadLdt(ushort selector, out Fault fault) => Perform((ref MachinePort port) => SegmentLoad.LoadLdtr(ref port, selector, Vector.GP, Vector.NP, 0), out fault);

    /// <summary>LTR.</summary>
    public bool TryLoadTask(ushort selector, out Fault fault) => Perform((ref MachinePort port) => SegmentLoad.LoadTaskRegister(ref port, selector), out fault);

    /// <summary>IRETD at the current state.</summary>
    public bool TryReturnFromInterrupt(out Fault fault) => Perform((ref MachinePort port) => InterruptReturn.Execute(ref port, wide: true), out fault);

    /// <summary>MOV to CR3: under PAE paging it loads the page-directory-pointer table.</summary>
    public bool TryLoadPageDirectory(uint value, out Fault fault) => Perform((ref MachinePort port) => ControlWrite.SetCr3(ref port, value), out fault);

    /// <summary>A flat 4 GiB segment as the far jump of a monitor's start-up code would load it.</summary>
    public void LoadFlat(SegmentName name, ushort selector, uint code) =>
        Segment(name).Set(
            selector, 0, uint.MaxValue, AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB | AccessRights.G | code);

    /// <summary>Call after changing the privilege level in <see cref="State"/>; everything else that is cached stays.</summary>
    public void PrivilegeChanged()
    {
        _cpu->SelectTlb();
        _cpu->Attention |= Attention.Events;
    }

    private delegate bool SupervisorOperation(ref MachinePort port);

    private bool Perform(SupervisorOperation operation, out Fault fault)
    {
        _cpu->Alone = true;
        Begin(_cpu->State.Eip, _cpu->State.Eip, 0);
        MachinePort port = Port;
        bool done = operation(ref port);
        End(done);
        _cpu->Alone = false;
        fault = done ? default : _cpu->Fault;
        return done;
    }

    /// <summary>Where a linear address leads now, without touching accessed or dirty bits; false is a page fault, which is not raised.</summary>
    public bool TryTranslate(LinearAddress linear, bool write, bool user, out PhysicalAddress physical)
    {
        bool found = Paging.Probe(_cpu, linear.Value, Access(write, user, fetch: false), out PageWalk walk);
        physical = walk.Physical;
        return found;
    }

    /// <summary>A fetch in supervisor mode would succeed and leave the page tables as they are.</summary>
    public bool CanFetch(LinearAddress linear) => Paging.Probe(_cpu, linear.Value, PageAccess.Fetch, out PageWalk walk) && !walk.SetsBits;

    /// <summary>The paging-structure entry that maps a page. False: paging is off, or the page is not present.</summary>
    public bool TryFindEntry(LinearAddress linear, out PhysicalAddress entry)
    {
        bool found = Paging.Probe(_cpu, linear.Value, PageAccess.Read, out PageWalk walk) && (_cpu->State.System.Cr0 & Cr0.PG) != 0;
        entry = new PhysicalAddress(walk.Entry);
        return found;
    }

    /// <summary>Walks as an access of the given kind would, accessed and dirty bits included. False: its #PF, which is described but not raised.</summary>
    public bool WalkForMonitor(LinearAddress linear, bool write, bool user, bool fetch, out PageWalk walk)
    {
        PageAccess access = Access(write, user, fetch);
        return Paging.Touch(_cpu, linear.Value, access, out walk);
    }

    private static PageAccess Access(bool write, bool user, bool fetch) =>
        (write ? PageAccess.Write : PageAccess.Read) | (user ? PageAccess.User : PageAccess.Read) | (fetch ? PageAccess.Fetch : PageAccess.Read);
}
