using System.Runtime.CompilerServices;
using Harness.Isa;

namespace Harness.Fuzz;

/// <summary>What a run of a guest starts from, beside its memory.</summary>
internal struct FirstState
{
    public Registers8 Registers;
    public uint Eip;
    public uint Eflags;
    public int Cpl;
    public uint Cr0, Cr3, Cr4;
    public ulong Efer;
    public Registers8 DebugAddresses;
    public uint Dr7;

    /// <summary>ES to GS, then LDTR and TR.</summary>
    public Segments Cache;
    public uint CodeBase;
    public uint StackBase;
    public bool BigCode;
    public ushort GdtLimit;
    public ushort IdtLimit;

    /// <summary>Ticks that the run may take.</summary>
    public int Limit;
    public long InterruptAt;
    public long NmiAt;
    public byte InterruptVector;
    public ulong SliceSeed;

    public readonly bool IsProtected => (Cr0 & Isa.Cr0.PE) != 0;

    public readonly bool IsVirtual => (Eflags & Isa.Eflags.VM) != 0;

    [InlineArray(8)]
    public struct Segments
    {
        private SegmentRegister _first;
    }

    /// <summary>General registers in the order of their encoding, or DR0 to DR3.</summary>
    [InlineArray(8)]
    public struct Registers8
    {
        private uint _first;
    }
}
