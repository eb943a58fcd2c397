using System.Buffers.Binary;

namespace Harness.Machine;

/// <summary>Puts a guest into memory and a processor into the guest's first state.</summary>
public static class GuestLoader
{
    /// <summary>Copies the contents to guest-physical memory.</summary>
    public static void Load(GuestImage image, PhysicalMemory memory)
    {
        foreach (GuestBytes part in image.Contents)
        {
            memory.Write(part.Address, part.Bytes.Span);
        }
    }

    /// <summary>Resets the processor and loads the entry state; hidden segment parts come from the guest's GDT, which must be in memory already.</summary>
    /// <exception cref="InvalidOperationException">A selector of the entry state names no descriptor of the table.</exception>
    public static void Enter(GuestImage image, Processor processor)
    {
        GuestEntry entry = image.Entry;
        processor.Reset();
        ref CpuState state = ref processor.State;
        switch (entry.Mode)
        {
            case EntryMode.Real:
                state.Cs.Set(entry.Cs, (uint)entry.Cs << 4, 0xFFFF, AccessRights.RealModeData | AccessRights.Code);
                for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
                {
                    if (name != SegmentName.CS)
                    {
                        processor.Segment(name).Set(entry.Data, (uint)entry.Data << 4, 0xFFFF, AccessRights.RealModeData);
                    }
                }

                state.Eip = entry.Eip;
                break;
            case EntryMode.Protected:
                EnterProtected(entry, processor);
                break;
            default:
                break;
        }

        if (entry.Mode != EntryMode.Reset)
        {
            processor.Register(4) = entry.Esp;
            processor.Register(2) = 0;
            processor.Flags = entry.Eflags;
        }

        processor.StateChanged();
    }

    private static void EnterProtected(GuestEntry entry, Processor processor)
    {
        ref CpuState state = ref processor.State;
        state.Gdtr = new DescriptorTableRegister { Base = entry.GdtBase, Limit = entry.GdtLimit };
        state.Idtr = new DescriptorTableRegister { Base = entry.IdtBase, Limit = entry.IdtLimit };
        state.System.Cr0 = Cr0.PE | Cr0.ET | entry.Cr0;
        state.System.Cr3 = entry.Cr3;
        state.System.Cr4 = entry.Cr4;
        state.Cpl = Selector.Rpl(entry.Cs);
        state.Eip = entry.Eip;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            LoadSegment(processor, entry, name, name == SegmentName.CS ? entry.Cs : entry.Data);
        }

        LoadSegment(processor, entry, SegmentName.LDTR, entry.Ldtr);
        LoadSegment(processor, entry, SegmentName.TR, entry.Tr);
    }

    private static void LoadSegment(Processor processor, GuestEntry entry, SegmentName name, ushort selector)
    {
        ref SegmentRegister register = ref processor.Segment(name);
        if (Selector.IsNull(selector))
        {
            register.Set(selector, 0, 0, AccessRights.Unusable);
            return;
        }

        uint offset = (uint)(selector & ~7);
        if (Selector.IsLocal(selector) || offset + 7 > entry.GdtLimit)
        {
            throw new InvalidOperationException($"The entry state loads {name} with selector {selector:X4}, which is not in a GDT of limit {entry.GdtLimit:X4}.");
        }

        Span<byte> raw = stackalloc byte[8];
        var address = new PhysicalAddress(entry.GdtBase + offset);
        processor.Memory.Read(address, raw);
        raw[5] |= (byte)(name == SegmentName.TR ? SystemType.BusyBit : name == SegmentName.LDTR ? 0 : AccessRights.Accessed);
        processor.Memory.Write(address, raw);
        var descriptor = new Descriptor(BinaryPrimitives.ReadUInt64LittleEndian(raw));
        register.Set(selector, descriptor.Base, descriptor.Limit, descriptor.Rights);
    }
}
