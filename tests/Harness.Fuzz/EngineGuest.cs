using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;

namespace Harness.Fuzz;

/// <summary>The guests of <see cref="GuestGenerator"/> as images for an engine: protected mode in ring 0 or 3, now and then real mode.</summary>
internal sealed class EngineGuest(ProcessorModel model, ulong seed)
{
    /// <summary>Where the code that loads the general registers lies, before the fragment that it goes on with.</summary>
    private const uint Prologue = 0xB800;

    /// <summary>Text memory of the display, which a page of the guest may lead to.</summary>
    private const uint Display = 0xB8000;
    private const byte MoveToRegister = 0xB8;
    private const byte JumpNear = 0xE9;
    private const int SharePassedLimit = 30;

    private readonly GuestGenerator _generator = new(model, seed);
    private readonly byte[] _memory = new byte[Layout.RamBytes];

    /// <summary>The guest of an input, with the ticks that it may take.</summary>
    public GuestImage Make(Chance chance, out FirstState first)
    {
        first = default;
        _generator.Make(chance, _memory, ref first, protectedOnly: chance.Percent(97));
        first.Limit = chance.Percent(SharePassedLimit) ? 200 + chance.Below(600) : 20 + chance.Below(80);
        if (!first.IsProtected)
        {
            return Image(new GuestEntry
            {
                Mode = EntryMode.Real,
                Cs = (ushort)(first.CodeBase >> 4),
                Eip = first.Eip,
                Data = (ushort)(first.StackBase >> 4),
                Esp = first.Registers[4],
            });
        }

        int cpl = chance.Percent(50) ? 0 : 3;
        ushort code = Whole(Layout.FlatCode + cpl, AccessRights.Code | AccessRights.DB, cpl);
        ushort data = Whole(Layout.FlatData + cpl, AccessRights.DB, cpl);
        ushort task = Repair(Layout.TssEntry, Descriptor.Segment(Layout.Tss, 0x3FF, AccessRights.P | SystemType.AvailableTss32));
        ushort local = Repair(Layout.LdtEntry, Descriptor.Segment(Layout.Ldt, Layout.LdtEntries * 8 - 1, AccessRights.P | SystemType.Ldt));
        if ((first.Cr0 & Cr0.PG) != 0 && chance.Percent(20))
        {
            int size = (first.Cr4 & Cr4.PAE) != 0 ? 8 : 4;
            Put(Layout.PageTable + (Layout.Device / Ram.PageSize) * (uint)size, Display | PageEntry.P | PageEntry.RW | PageEntry.US);
        }

        WritePrologue(first);
        return Image(new GuestEntry
        {
            Mode = EntryMode.Protected,
            Cs = code,
            Eip = Prologue,
            Data = data,
            Esp = first.Registers[4],
            Eflags = first.Eflags & ~(Eflags.VM | Eflags.RF),
            GdtBase = Layout.Gdt,
            GdtLimit = Layout.GdtEntries * 8 - 1,
            IdtBase = Layout.Idt,
            IdtLimit = first.IdtLimit,
            Ldtr = local,
            Tr = task,
            Cr0 = first.Cr0,
            Cr3 = first.Cr3,
            Cr4 = first.Cr4,
        });
    }

    /// <summary>A flat segment that can be loaded, whatever was made of its descriptor.</summary>
    private ushort Whole(int index, uint kind, int cpl)
    {
        uint rights = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | kind | (uint)cpl << AccessRights.DplShift;
        return (ushort)(Repair(index, Descriptor.Segment(0, uint.MaxValue, rights)) | cpl);
    }

    private ushort Repair(int index, Descriptor descriptor)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_memory.AsSpan((int)Layout.Gdt + index * 8), descriptor.Raw);
        return (ushort)(index << 3);
    }

    private void WritePrologue(in FirstState first)
    {
        uint at = Prologue;
        for (int register = 0; register < 8; register++)
        {
            if (register != 4)
            {
                _memory[at] = (byte)(MoveToRegister + register);
                Put(at + 1, first.Registers[register]);
                at += 5;
            }
        }

        _memory[at] = JumpNear;
        Put(at + 1, first.Eip + first.CodeBase - (at + 5));
    }

    private void Put(uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_memory.AsSpan((int)at), value);

    private GuestImage Image(GuestEntry entry) => new()
    {
        Name = "input",
        MemoryBytes = Layout.RamBytes,
        Contents = [new GuestBytes(new PhysicalAddress(0), _memory)],
        Entry = entry,
    };
}
