namespace Harness.Machine;

/// <summary>
/// The one way in which virtualization hardware sees the processor. It is asked only in guest operation (<see cref="Processor.IsGuest"/>); true from any
/// method means that an exit took place: the guest state is saved and the host state is loaded.
/// </summary>
public interface IInterceptUnit
{
    /// <summary>What it holds of its own, as text: "off", "on", or "on, VMCS" with the physical address of the current one.</summary>
    string Operation { get; }

    /// <summary>An instruction, at the point where the manual lets an exit take precedence. Arguments as <see cref="Intercepts"/> says.</summary>
    bool Instruction(InterceptKind kind, uint qualifier, uint value);

    /// <summary>An exception before its delivery, with EIP at the instruction that it belongs to.</summary>
    bool Exception(Vector vector, EventKind kind, uint? errorCode);

    /// <summary>A pending external interrupt, whatever IF is; false lets the guest's own IF decide.</summary>
    bool ExternalInterrupt();

    /// <summary>A pending NMI.</summary>
    bool Nmi();

    /// <summary>Between instructions, before external interrupts and after all of higher priority: the interrupt window.</summary>
    bool Boundary();

    /// <summary>A fault during the delivery of a double fault.</summary>
    bool TripleFault();

    /// <summary>CR0 to CR8 as the guest reads it.</summary>
    uint ReadControl(int number, uint value);

    /// <summary>What a guest's write of CR0 or CR4 stores.</summary>
    uint FilterControlWrite(int number, uint current, uint value);

    /// <summary>Whether the processor's own state lets CR0 or CR4 take a value: VMX operation fixes bits. Asked outside guest operation too.</summary>
    bool AllowsControl(int number, uint value);

    /// <summary>Whoever counts virtualization instructions, entries and exits.</summary>
    IVirtualizationEvents? Events { get; set; }

    /// <summary>Added to the time-stamp counter.</summary>
    ulong TimeStampOffset { get; }

    /// <summary>RESET: virtualization is off.</summary>
    void Reset();
}

/// <summary>Model-specific registers that an extension brings.</summary>
public interface IMsrUnit
{
    bool TryRead(uint number, out ulong value);

    /// <summary>False with <paramref name="known"/>: the value is not allowed, #GP(0).</summary>
    bool TryWrite(uint number, ulong value, out bool known);
}

/// <summary>Told of everything that a program could not do by itself; whoever counts events listens.</summary>
public interface IProcessorEvents
{
    /// <summary>An exception or interrupt is about to be delivered through the guest's own tables.</summary>
    void Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl);

    /// <summary>CR3 has been loaded, by MOV or by a task switch.</summary>
    void Cr3Loaded()
    {
    }
}

/// <summary>Told of what virtualization hardware does, whoever owns it: a monitor of the harness or a hypervisor that runs as a guest.</summary>
public interface IVirtualizationEvents
{
    /// <summary>An exit, with its reason's name and number in the manual; told before the host state is loaded.</summary>
    void Exit(string name, uint reason, ulong qualification, uint guestEip, int guestCpl);

    /// <summary>An entry that succeeded; <paramref name="injection"/> is the event-injection field, 0 for none.</summary>
    void Entry(uint guestEip, uint injection);

    /// <summary>A virtualization instruction in host operation; <paramref name="failure"/> is 0, its error number, or -1 for a failure without one.</summary>
    void Instruction(string name, int failure);
}

/// <summary>Sees every instruction: tracing, recording of effects. Its presence makes the processor step one instruction at a time.</summary>
public interface IExecutionObserver
{
    /// <summary>An instruction, or an iteration under REP, has completed.</summary>
    void Retired(in Instruction instruction);

    void Stored(PhysicalAddress address, int size, ulong value);

    /// <summary>An implicit supervisor access (SDM Vol. 3A, 4.6): a store to a descriptor table or task-state segment on the processor's own account.</summary>
    void StoredImplicitly(PhysicalAddress address, int size, ulong value) => Stored(address, size, value);

    void PortAccess(ushort port, int size, uint value, bool write);
}

/// <summary>What is outside the processor: ports, interrupt lines and the deadlines of devices, in ticks of the guest clock.</summary>
public interface IProcessorBus
{
    uint In(ushort port, int size, long now);

    void Out(ushort port, int size, uint value, long now);

    /// <summary>Called before a device on the memory bus is touched.</summary>
    void SetNow(long now);

    /// <summary><see cref="long.MaxValue"/>: none.</summary>
    long NextDeadline { get; }

    /// <summary>Lets everything happen that is due at or before the tick.</summary>
    void AdvanceTo(long now);

    bool InterruptPending { get; }

    byte AcknowledgeInterrupt();

    bool NmiPending { get; }

    void AcknowledgeNmi();

    /// <summary>An NMI is raised at one of the deadlines to come: what halts without IF may wait for it.</summary>
    bool NmiComes => false;

    /// <summary>A device asked for a reset or for the end of the run.</summary>
    bool StopRequested { get; }
}

/// <summary>Why a run ended.</summary>
public enum RunExit
{
    /// <summary>The limit is reached.</summary>
    Limit,

    /// <summary>EIP reached the range of <see cref="Processor.SetSentinel"/> at CPL 0: a monitor written in C# has control.</summary>
    Sentinel,

    /// <summary>Under <see cref="Processor.StopsInUserMode"/>: the next instruction is one of user mode.</summary>
    UserMode,

    /// <summary>HLT, and nothing can wake the processor.</summary>
    HaltedForever,

    /// <summary>A triple fault.</summary>
    Shutdown,

    /// <summary>A device or the owner asked for it.</summary>
    Stopped,
}
