namespace Harness.Hardware.Vmx;

/// <summary>VMCS regions in physical memory (SDM Vol. 3C, 24.2). What a program writes there is what the processor reads.</summary>
public sealed class VmcsRegion(PhysicalMemory memory)
{
    private const int RevisionAt = 0;
    private const int AbortAt = 4;
    private const int LaunchStateAt = 8;

    /// <summary>The first four bytes: revision identifier in bits 30:0.</summary>
    public uint Revision(ulong address) => (uint)Read(address + RevisionAt, 4);

    /// <summary>The VMX-abort indicator; 0: none.</summary>
    public uint Abort(ulong address) => (uint)Read(address + AbortAt, 4);

    public void SetAbort(ulong address, VmxAbort indicator) => Write(address + AbortAt, 4, (uint)indicator);

    public bool IsLaunched(ulong address) => Read(address + LaunchStateAt, 4) != 0;

    public void SetLaunched(ulong address, bool launched) => Write(address + LaunchStateAt, 4, launched ? 1u : 0);

    public ulong Read(ulong address, VmcsFieldRow field) => Read(address + (ulong)field.Offset, field.Size);

    public void Write(ulong address, VmcsFieldRow field, ulong value) => Write(address + (ulong)field.Offset, field.Size, value);

    public void Load(ulong address, VmcsImage image) => memory.Read(new PhysicalAddress(address + VmcsFields.Start), image.Data);

    public void Store(ulong address, VmcsImage image) => memory.Write(new PhysicalAddress(address + VmcsFields.Start), image.Data);

    // A region is a page at most, and begins on one (SDM Vol. 3C, 24.2).
    private ulong Read(ulong address, int size) => memory.ReadWord(new PhysicalAddress(address), size);

    private void Write(ulong address, int size, ulong value) => memory.WriteWord(new PhysicalAddress(address), size, value);
}

/// <summary>VMX-abort indicators (SDM Vol. 3C, 27.7).</summary>
public enum VmxAbort : uint
{
    SavingGuestMsrs = 1,
    HostPdptes = 2,
    LoadingHostMsrs = 4,
}
