namespace Harness.Hardware.Vmx;

/// <summary>What a processor model's VMX capability MSRs say (SDM Vol. 3D, Appendix A); the model's data file holds them.</summary>
public sealed class VmxCapabilities
{
    public const uint FirstMsr = 0x480;
    public const uint LastMsr = 0x48A;
    private readonly ulong[] _msrs = new ulong[LastMsr - FirstMsr + 1];
    private readonly ulong _debugctlWritable;

    /// <param name="model">The model.</param>
    /// <param name="source">Names its file in errors.</param>
    /// <exception cref="ModelException">The model lacks one of MSRs 480h to 48Ah.</exception>
    public VmxCapabilities(ProcessorModel model, string source)
    {
        for (uint number = FirstMsr; number <= LastMsr; number++)
        {
            _msrs[number - FirstMsr] = model.Msrs.Any(m => m.Number == number)
                ? model.Msrs.First(m => m.Number == number).Reset
                : throw new ModelException($"{source}: msrs: expected the numbers {FirstMsr:X} to {LastMsr:X}, which the feature Vmx needs; found no {number:X}");
        }

        _debugctlWritable = model.Msrs.FirstOrDefault(m => m.Number == Msr.IA32_DEBUGCTL).Writable;
        PhysicalAddressBits = (Basic >> 48 & 1) != 0 ? 32 : model.PhysicalAddressBits;
    }

    public uint Revision => (uint)Basic & 0x7FFFFFFF;

    /// <summary>Bytes of a VMXON or VMCS region.</summary>
    public int RegionSize => (int)(Basic >> 32) & 0x1FFF;

    /// <summary>Width of the addresses that the VMCS and the VMX instructions hold.</summary>
    public int PhysicalAddressBits { get; }

    public ulong PinBased => Value(0x481);

    public ulong ProcessorBased => Value(0x482);

    public ulong Exit => Value(0x483);

    public ulong Entry => Value(0x484);

    public uint Cr3Targets => (uint)(Misc >> 16) & 0x1FF;

    private ulong Basic => Value(0x480);

    private ulong Misc => Value(0x485);

    /// <summary>Whether an activity state other than active may be entered.</summary>
    public bool SupportsActivity(uint state) => state is >= ActivityState.Hlt and <= ActivityState.WaitForSipi && (Misc >> (5 + (int)state) & 1) != 0;

    /// <summary>Every bit that must be 1 is, and none that must be 0: low half of the MSR allowed-0, high half allowed-1.</summary>
    public static bool Allows(ulong capability, uint value) => (~value & (uint)capability) == 0 && (value & ~(uint)(capability >> 32)) == 0;

    /// <summary>CR0 or CR4 in VMX operation (SDM Vol. 3C, 23.8).</summary>
    public bool AllowsControl(int number, uint value)
    {
        uint fixedOne = (uint)Value(number == 0 ? 0x486u : 0x488u);
        uint allowed = (uint)Value(number == 0 ? 0x487u : 0x489u);
        return (~value & fixedOne) == 0 && (value & ~allowed) == 0;
    }

    /// <summary>Whether IA32_DEBUGCTL can hold the value.</summary>
    public bool AllowsDebugctl(ulong value) => (value & ~_debugctlWritable) == 0;

    /// <summary>Whether an address lies within the physical-address width.</summary>
    public bool IsPhysical(ulong address) => address >> PhysicalAddressBits == 0;

    private ulong Value(uint number) => _msrs[number - FirstMsr];
}
