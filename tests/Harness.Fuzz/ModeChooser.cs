using System.Buffers.Binary;
using Harness.Isa;
using Harness.Machine;

namespace Harness.Fuzz;

/// <summary>Chooses an operating mode, control registers and flags, and the segments that go with them.</summary>
internal sealed class ModeChooser(Chance chance, ProcessorModel model)
{
    private const uint Virtual8086Rights = AccessRights.RealModeData | 3u << AccessRights.DplShift;

    /// <summary><paramref name="protectedOnly"/>: neither real nor virtual-8086 mode, and mostly 32-bit code.</summary>
    public void Choose(ref FirstState first, bool protectedOnly)
    {
        const int FirstProtected = 47;
        int mode = protectedOnly ? FirstProtected + chance.Below(100 - FirstProtected) : chance.Below(100);
        bool real = mode < 20;
        bool virtual8086 = mode is >= 20 and < 35;
        bool wide = mode >= 50;
        first.Cpl = real ? 0 : virtual8086 ? 3 : chance.Percent(45) ? 0 : chance.Below(4);
        first.BigCode = wide;
        ChooseFlags(ref first, virtual8086);
        ChooseControl(ref first, real);
        if (chance.Percent(8))
        {
            first.Dr7 = chance.Next() & ~(chance.Percent(90) ? DebugBits.GD : 0);
            for (int i = 0; i < 4; i++)
            {
                first.DebugAddresses[i] = chance.Percent(50) ? chance.Of(Layout.Fragments) + (uint)chance.Below(24) : GuestGenerator.Value(chance);
            }
        }

        first.Dr7 = (first.Dr7 & 0xFFFF23FF) | DebugBits.Dr7Fixed;
        first.GdtLimit = (ushort)(chance.Percent(94) ? Layout.GdtEntries * 8 - 1 : chance.Below(Layout.GdtEntries * 8));
        first.IdtLimit = (ushort)(real ? 0x3FF : chance.Percent(96) ? Layout.IdtEntries * 8 - 1 : chance.Below(Layout.IdtEntries * 8));
    }

    /// <summary>Fills the descriptor caches from the tables in memory.</summary>
    public void LoadSegments(byte[] memory, ref FirstState first)
    {
        bool real = !first.IsProtected;
        if (real || first.IsVirtual)
        {
            uint rights = real ? AccessRights.RealModeData : Virtual8086Rights;
            for (int i = 0; i < 6; i++)
            {
                ushort selector = (ushort)(chance.Percent(70) ? 0 : chance.Below(0xC00));
                first.Cache[i].Set(selector, (uint)selector << 4, 0xFFFF, rights);
            }

            ushort code = (ushort)(chance.Percent(70) ? 0 : Layout.Code >> 4);
            first.Cache[1].Set(code, (uint)code << 4, 0xFFFF, real ? rights | AccessRights.Code : rights);
            first.Cache[2].Set(0, 0, 0xFFFF, rights);
        }
        else
        {
            LoadProtected(memory, ref first);
        }

        first.CodeBase = first.Cache[1].Base;
        first.StackBase = first.Cache[2].Base;
        if (real)
        {
            first.Cache[6].Set(0, 0, 0xFFFF, AccessRights.P | SystemType.Ldt);
            first.Cache[7].Set(0, 0, 0xFFFF, AccessRights.P | SystemType.BusyTss32);
            return;
        }

        Load(memory, ref first.Cache[6], Layout.LdtEntry << 3);
        Load(memory, ref first.Cache[7], Layout.TssEntry << 3);
        first.Cache[6].Rights = AccessRights.P | SystemType.Ldt;
        first.Cache[7].Rights = AccessRights.P | SystemType.BusyTss32;
    }

    private void LoadProtected(byte[] memory, ref FirstState first)
    {
        int cpl = first.Cpl;
        int code = (first.BigCode ? chance.Percent(85) ? Layout.FlatCode : Layout.Conforming : Layout.Code16) + cpl;
        bool big = first.BigCode ? chance.Percent(90) : chance.Percent(50);
        Load(memory, ref first.Cache[1], code << 3 | cpl);
        Load(memory, ref first.Cache[2], ((big ? Layout.FlatData : Layout.Data16) + cpl) << 3 | cpl);

        // The tables may hold a damaged entry; what is loaded was intact.
        uint level = (uint)cpl << AccessRights.DplShift;
        first.Cache[1].Rights = (first.Cache[1].Rights & (AccessRights.DB | AccessRights.G | AccessRights.ExpandDownOrConforming)) | AccessRights.RealModeData | AccessRights.Code | level;
        first.Cache[1].Derive();
        first.Cache[2].Rights = (first.Cache[2].Rights & (AccessRights.DB | AccessRights.G)) | AccessRights.RealModeData | level;
        first.Cache[2].Derive();
        first.BigCode = first.Cache[1].IsBig;
        ReadOnlySpan<int> data = [0, 3, 4, 5];
        foreach (int i in data)
        {
            if (chance.Percent(8))
            {
                first.Cache[i].Set(0, 0, 0, AccessRights.Unusable);
                continue;
            }

            int level3 = cpl + chance.Below(4 - cpl);
            Load(memory, ref first.Cache[i], ((chance.Percent(75) ? Layout.FlatData : Layout.Data16) + level3) << 3 | cpl);
            first.Cache[i].Rights |= AccessRights.P | AccessRights.S | AccessRights.Accessed;
            first.Cache[i].Derive();
        }
    }

    private static void Load(byte[] memory, ref SegmentRegister register, int selector)
    {
        var descriptor = new Descriptor(BinaryPrimitives.ReadUInt64LittleEndian(memory.AsSpan((int)Layout.Gdt + (selector & ~7))));
        register.Set((ushort)selector, descriptor.Base, descriptor.Limit, descriptor.Rights);
    }

    private void ChooseFlags(ref FirstState first, bool virtual8086)
    {
        uint flags = Eflags.Fixed | (chance.Next() & (Eflags.Status | Eflags.DF));
        flags |= chance.Percent(50) ? Eflags.IF : 0;
        flags |= chance.Percent(50) ? Eflags.IOPL : chance.Next() & Eflags.IOPL;
        flags |= chance.Percent(6) ? Eflags.TF : 0;
        flags |= chance.Percent(10) ? Eflags.NT : 0;
        flags |= chance.Percent(5) ? Eflags.RF : 0;
        flags |= model.Has(Feature.I486) && chance.Percent(30) ? Eflags.AC : 0;
        flags |= model.Has(Feature.Vme) && chance.Percent(20) ? chance.Next() & (Eflags.VIF | Eflags.VIP) : 0;
        first.Eflags = flags | (virtual8086 ? Eflags.VM : 0);
    }

    private void ChooseControl(ref FirstState first, bool real)
    {
        uint cr0 = Cr0.ET | (real ? 0 : Cr0.PE);
        cr0 |= chance.Next() & Cr0.MP;
        cr0 |= chance.Percent(15) ? chance.Next() & (Cr0.EM | Cr0.TS) : 0;
        if (model.Has(Feature.I486))
        {
            cr0 |= chance.Next() & (Cr0.WP | Cr0.NE) | (chance.Percent(25) ? Cr0.AM : 0);
        }

        if (!real && chance.Percent(50))
        {
            cr0 |= Cr0.PG;
            first.Cr3 = Layout.PageDirectory;
        }

        uint cr4 = 0;
        ReadOnlySpan<(Feature Feature, uint Bits, int Share)> bits =
        [
            (Feature.Vme, Cr4.VME, 40), (Feature.Vme, Cr4.PVI, 30), (Feature.Tsc, Cr4.TSD, 20), (Feature.De, Cr4.DE, 40), (Feature.Pse, Cr4.PSE, 30),
            (Feature.Pae, Cr4.PAE, 40), (Feature.Pge, Cr4.PGE, 50), (Feature.Pmc, Cr4.PCE, 50),
        ];
        foreach ((Feature feature, uint bit, int share) in bits)
        {
            cr4 |= model.Has(feature) && chance.Percent(share) ? bit : 0;
        }

        first.Efer = model.Has(Feature.Nx) && chance.Percent(50) ? Efer.NXE : 0;
        first.Cr0 = cr0;
        first.Cr4 = cr4;
    }
}
