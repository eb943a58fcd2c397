namespace Harness.Hardware.Vmx;

/// <summary>What a processor model's VMX capability MSRs say (SDM Vol. 3D, Appendix A, whose sections messages name); the model's data file holds them.</summary>
public sealed class VmxCapabilities
{
    public const uint FirstMsr = 0x480;
    public const uint LastMsr = 0x48A;
    private readonly ulong[] _msrs = new ulong[LastMsr - FirstMsr + 1];
    private readonly ulong _debugctlWritable;

    /// <param name="model">The model.</param>
    /// <param name="source">Names its file in errors.</param>
    /// <exception cref="ModelException">The model lacks one of MSRs 480h to 48Ah, one contradicts itself, or it promises what is not built.</exception>
    public VmxCapabilities(ProcessorModel model, string source)
    {
        for (uint number = FirstMsr; number <= LastMsr; number++)
        {
            _msrs[number - FirstMsr] = model.Msrs.Any(m => m.Number == number)
                ? model.Msrs.First(m => m.Number == number).Reset
                : throw new ModelException($"{source}: msrs: expected the numbers {FirstMsr:X} to {LastMsr:X}, which the feature Vmx needs; found no {number:X}");
        }

        Check(model, source);
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

    /// <summary>The bits of CR4 that exist on a model, which VMX operation has to allow if guests are to use them.</summary>
    private static uint Cr4Of(ProcessorModel model)
    {
        (Feature Feature, uint Bits)[] bits =
        [
            (Feature.Vme, Cr4.VME | Cr4.PVI), (Feature.Tsc, Cr4.TSD), (Feature.De, Cr4.DE), (Feature.Pse, Cr4.PSE), (Feature.Pae, Cr4.PAE), (Feature.Mce, Cr4.MCE),
            (Feature.Pge, Cr4.PGE), (Feature.Pmc, Cr4.PCE), (Feature.Umip, Cr4.UMIP), (Feature.Vmx, Cr4.VMXE), (Feature.Smep, Cr4.SMEP), (Feature.Smap, Cr4.SMAP),
        ];
        return bits.Where(b => model.Has(b.Feature)).Aggregate(0u, (all, b) => all | b.Bits);
    }

    private void Check(ProcessorModel model, string source)
    {
        const uint Cr0Bits = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG;
        uint cr4 = Cr4Of(model);
        Expect(0x480, RegionSize is > 0 and <= 4096 && ((uint)Basic & ~0x7FFFFFFFu) == 0, "bit 31 clear and a size of 1 to 1000 in bits 44:32 (A.1)");
        foreach ((uint number, uint built) in (ReadOnlySpan<(uint, uint)>)[(0x481, 0x1F), (0x482, 0x5781FBFE), (0x483, 0x3EDFF), (0x484, 0x11FF)])
        {
            Expect(number, ((uint)Value(number) & ~(uint)(Value(number) >> 32)) == 0, "every bit of the low half, which must be 1, among those of the high half, which may be (A.2)");
            Expect(number, ((uint)(Value(number) >> 32) & ~built) == 0, $"no control but those that are built: a high half within {built:X}");
        }

        Expect(0x485, (Misc & 0x180) == 0 && Cr3Targets <= 4, "at most 4 CR3-target values in bits 24:16, and no activity state but HLT in bits 8:6 (A.6)");
        Expect(0x486, (Value(0x486) & ~(ulong)(Cr0.PE | Cr0.NE | Cr0.PG)) == 0, "no bit but those of PE, NE and PG (A.7)");
        Expect(0x487, (Cr0Bits & ~Value(0x487)) == 0, $"every bit that CR0 has: {Cr0Bits:X} (A.7)");
        Expect(0x488, (Value(0x488) & ~(ulong)Cr4.VMXE) == 0, "no bit but that of VMXE (A.8)");
        Expect(0x489, (cr4 & ~Value(0x489)) == 0, $"every bit of CR4 that the features bring: {cr4:X} (A.8)");

        void Expect(uint number, bool holds, string expected)
        {
            if (!holds)
            {
                throw new ModelException($"{source}: msrs: {number:X}: expected {expected}; found {Value(number):X16}");
            }
        }
    }

    private ulong Value(uint number) => _msrs[number - FirstMsr];
}
