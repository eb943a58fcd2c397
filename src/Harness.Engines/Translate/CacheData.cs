using System.Buffers.Binary;

namespace Harness.Engines.Translate;

/// <summary>
/// What translated code reads and writes in the monitor's region, through a segment that nothing but translated code has in GS: the guest's virtual flags, room
/// for registers, and the table in which indirect jumps find their targets.
/// </summary>
internal sealed class CacheData(IHost host)
{
    /// <summary>Host-physical, and as an offset in the monitor's region; the segment's base.</summary>
    public const uint Start = 0x300000;
    public const uint Bytes = 0x20000;

    /// <summary>Offsets in the segment. The virtual IF, as in EFLAGS.</summary>
    public const int If = 0;

    /// <summary>The virtual IOPL, as in EFLAGS.</summary>
    public const int Iopl = 4;

    /// <summary>Not 0: an interrupt waits for the virtual IF.</summary>
    public const int Waiting = 8;

    /// <summary>The virtual IF before the last STI: 0 means that it casts a shadow.</summary>
    public const int OldIf = 12;
    public const int Eax = 16;
    public const int Ecx = 20;
    public const int Edx = 24;
    public const int Target = 28;

    /// <summary>What the guest's time-stamp counter is ahead of the processor's; 64 bits.</summary>
    public const int TimeStampOffset = 32;

    /// <summary>Entries of 8 bytes: a guest EIP, and where its code begins in the cache.</summary>
    public const int Table = 0x10000;
    private const uint Slots = 0x2000;

    private static readonly byte[] EmptyTable = MakeEmptyTable();
    private readonly uint[] _targets = new uint[Slots];

    /// <summary>Empties the table. An empty entry holds an EIP that belongs elsewhere.</summary>
    public void ClearTable()
    {
        for (uint slot = 0; slot < Slots; slot++)
        {
            _targets[slot] = Elsewhere(slot);
        }

        host.Memory.Write(At(Table), EmptyTable);
    }

    /// <summary>Lets indirect jumps to an EIP go on at an address in the cache, in the place of another target if need be.</summary>
    public void AddTarget(uint eip, uint address)
    {
        uint slot = SlotOf(eip);
        _targets[slot] = eip;
        Write(slot, eip, address);
    }

    public void RemoveTarget(uint eip)
    {
        if (_targets[SlotOf(eip)] == eip)
        {
            Clear(SlotOf(eip));
        }
    }

    /// <summary>The virtual flags as translated code will find them.</summary>
    public void Export(Emulator emulator)
    {
        Span<byte> words = stackalloc byte[12];
        BinaryPrimitives.WriteUInt32LittleEndian(words[If..], emulator.Flags & Eflags.IF);
        BinaryPrimitives.WriteUInt32LittleEndian(words[Iopl..], emulator.Flags & Eflags.IOPL);
        BinaryPrimitives.WriteUInt32LittleEndian(words[Waiting..], emulator.InterruptPending ? 1u : 0);
        host.Memory.Write(At(0), words);
        host.ReadMsr(Msr.IA32_TIME_STAMP_COUNTER, out ulong real);
        host.Memory.WriteUInt64(At(TimeStampOffset), emulator.TimeStamp - real);
    }

    /// <summary>Takes over what translated code did to the virtual IF.</summary>
    public void Import(Emulator emulator) => emulator.Flags = (emulator.Flags & ~Eflags.IF) | host.Memory.ReadUInt32(At(If));

    /// <summary>An instruction that follows an STI in the cache is in its shadow.</summary>
    public bool StiCastsShadow => host.Memory.ReadUInt32(At(OldIf)) == 0;

    private static uint SlotOf(uint eip) => eip % Slots;

    private static HostPhysicalAddress At(int offset) => new(Start + (ulong)offset);

    // An EIP that has another slot.
    private static uint Elsewhere(uint slot) => slot == 0 ? 1u : 0;

    private static byte[] MakeEmptyTable()
    {
        var table = new byte[Slots * 8];
        for (uint slot = 0; slot < Slots; slot++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan((int)slot * 8), Elsewhere(slot));
        }

        return table;
    }

    private void Clear(uint slot)
    {
        _targets[slot] = Elsewhere(slot);
        Write(slot, _targets[slot], 0);
    }

    private void Write(uint slot, uint eip, uint address) => host.Memory.WriteUInt64(At(Table + (int)slot * 8), (ulong)address << 32 | eip);
}
