namespace Harness.Isa;

/// <summary>Bits of CR0 (SDM Vol. 3A, 2.5).</summary>
public static class Cr0
{
    public const uint PE = 1u << 0;
    public const uint MP = 1u << 1;
    public const uint EM = 1u << 2;
    public const uint TS = 1u << 3;
    public const uint ET = 1u << 4;
    public const uint NE = 1u << 5;
    public const uint WP = 1u << 16;
    public const uint AM = 1u << 18;
    public const uint NW = 1u << 29;
    public const uint CD = 1u << 30;
    public const uint PG = 1u << 31;

    /// <summary>The bits that a write can change; the others keep their reset value.</summary>
    public const uint Defined = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;
}

/// <summary>Bits of CR4 (SDM Vol. 3A, 2.5).</summary>
public static class Cr4
{
    public const uint VME = 1u << 0;
    public const uint PVI = 1u << 1;
    public const uint TSD = 1u << 2;
    public const uint DE = 1u << 3;
    public const uint PSE = 1u << 4;
    public const uint PAE = 1u << 5;
    public const uint MCE = 1u << 6;
    public const uint PGE = 1u << 7;
    public const uint PCE = 1u << 8;
    public const uint OSFXSR = 1u << 9;
    public const uint OSXMMEXCPT = 1u << 10;
    public const uint UMIP = 1u << 11;
    public const uint VMXE = 1u << 13;
    public const uint SMEP = 1u << 20;
    public const uint SMAP = 1u << 21;
}

/// <summary>Bits of DR6 and DR7 (SDM Vol. 3B, 17.2).</summary>
public static class DebugBits
{
    /// <summary>DR6: bits that read as one on processors without RTM.</summary>
    public const uint Dr6Fixed = 0xFFFF0FF0;
    public const uint BD = 1u << 13;
    public const uint BS = 1u << 14;
    public const uint BT = 1u << 15;

    /// <summary>DR7: bit 10 reads as one.</summary>
    public const uint Dr7Fixed = 0x00000400;
    public const uint GD = 1u << 13;
    public const uint LE = 1u << 8;
    public const uint GE = 1u << 9;
}

/// <summary>Bits of IA32_EFER (SDM Vol. 3A, 2.2.1).</summary>
public static class Efer
{
    public const uint SCE = 1u << 0;
    public const uint LME = 1u << 8;
    public const uint LMA = 1u << 10;
    public const uint NXE = 1u << 11;
}

/// <summary>Model-specific register numbers (SDM Vol. 4).</summary>
public static class Msr
{
    public const uint IA32_P5_MC_ADDR = 0x0;
    public const uint IA32_P5_MC_TYPE = 0x1;
    public const uint IA32_TIME_STAMP_COUNTER = 0x10;
    public const uint IA32_PLATFORM_ID = 0x17;
    public const uint IA32_APIC_BASE = 0x1B;
    public const uint IA32_FEATURE_CONTROL = 0x3A;
    public const uint IA32_BIOS_SIGN_ID = 0x8B;
    public const uint MISC_FEATURES_ENABLES = 0x140;
    public const uint IA32_SYSENTER_CS = 0x174;
    public const uint IA32_SYSENTER_ESP = 0x175;
    public const uint IA32_SYSENTER_EIP = 0x176;
    public const uint IA32_MISC_ENABLE = 0x1A0;
    public const uint IA32_PAT = 0x277;
    public const uint IA32_DEBUGCTL = 0x1D9;
    public const uint IA32_VMX_BASIC = 0x480;
    public const uint IA32_VMX_PINBASED_CTLS = 0x481;
    public const uint IA32_VMX_PROCBASED_CTLS = 0x482;
    public const uint IA32_VMX_EXIT_CTLS = 0x483;
    public const uint IA32_VMX_ENTRY_CTLS = 0x484;
    public const uint IA32_EFER = 0xC0000080;
}
