namespace Harness.Vmm;

/// <summary>A hash of a sequence of values, the same everywhere. Multiplication by an odd constant and a fold: it finds differences, it does not resist an adversary.</summary>
internal struct EffectHash
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    public ulong Value { get; private set; }

    public void Add(ulong value)
    {
        ulong mixed = (Value ^ value) * Multiplier;
        Value = mixed ^ (mixed >> 32);
    }

    public void Add(in GuestRegisters r)
    {
        Add(Pair(r.Eax, r.Ecx));
        Add(Pair(r.Edx, r.Ebx));
        Add(Pair(r.Esp, r.Ebp));
        Add(Pair(r.Esi, r.Edi));
        Add(Pair(r.Eip, r.ArithmeticFlags | r.SystemFlags));
        Add(Pair((uint)(r.Cs << 16 | r.Ss), (uint)(r.Ds << 16 | r.Es)));
        Add(Pair((uint)(r.Fs << 16 | r.Gs), (uint)(r.Ldtr << 16 | r.Tr)));
        Add(Pair(r.GdtrBase, r.IdtrBase));
        Add(Pair((uint)(r.GdtrLimit << 16 | r.IdtrLimit), (uint)r.Cpl));
        Add(Pair(r.Cr0, r.Cr2));
        Add(Pair(r.Cr3, r.Cr4));
        Add(r.Dr7);
    }

    private static ulong Pair(uint low, uint high) => low | (ulong)high << 32;
}
