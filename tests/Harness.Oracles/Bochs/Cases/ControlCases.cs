using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

/// <summary>Control, debug and table registers: moves with valid and reserved bits, and the privileged and unprivileged table instructions.</summary>
internal static class ControlCases
{
    private static readonly CaseMode[] Modes = [CaseMode.Real, CaseMode.Cpl0, CaseMode.Cpl3, CaseMode.Virtual8086, CaseMode.Cpl1];

    public static IEnumerable<OracleCase> Create() => [.. ControlRegisters(), .. DebugRegisters(), .. Tables(), .. Privileged()];

    private static IEnumerable<OracleCase> ControlRegisters()
    {
        // PG without PE, NW without CD, and ordinary combinations. The mode bits themselves stay, so that the case returns.
        uint[] values = [0x80000000, 0x20000000, 0x60000000, 0x40000000, 0x2, 0x8, 0xA, 0xE, 0x10000, 0x40000, 0x50022, 0x1000, 0x0];
        foreach (CaseMode mode in new[] { CaseMode.Real, CaseMode.Cpl0 })
        {
            foreach (uint value in values)
            {
                if (mode == CaseMode.Cpl0 && value == 0x80000000)
                {
                    continue;
                }

                CellContext c = New(mode, value);
                c.Image[Register.Eax] = value | (mode == CaseMode.Cpl0 ? 0x11u : 0x10u);
                c.Emit(a => a.mov(cr0, eax));
                yield return DescriptorCases.Finish(c, $"cr0/{mode}/{value:x8}");
            }

            for (int bit = 0; bit < 9; bit++)
            {
                CellContext c = New(mode, (uint)bit);
                c.Image[Register.Eax] = 1u << bit;
                c.Emit(a => a.mov(cr4, eax));
                yield return DescriptorCases.Finish(c, $"cr4/{mode}/{bit}");
            }

            foreach (int bit in new[] { 15, 19, 24, 31 })
            {
                CellContext c = New(mode, (uint)bit);
                c.Image[Register.Eax] = 1u << bit;
                c.Emit(a => a.mov(cr4, eax));
                yield return DescriptorCases.Finish(c, $"cr4/{mode}/{bit}");
            }

            foreach (uint value in new uint[] { 0, 0x12345000, 0xFFFFF018, 0xFFFFFFFF })
            {
                CellContext c = New(mode, value);
                c.Image[Register.Eax] = value;
                c.Emit(a => a.mov(cr3, eax));
                yield return DescriptorCases.Finish(c, $"cr3/{mode}/{value:x8}");
                c = New(mode, value);
                c.Image[Register.Eax] = value;
                c.Emit(a => a.mov(cr2, eax));
                yield return DescriptorCases.Finish(c, $"cr2/{mode}/{value:x8}");
            }

            for (uint value = 0; value < 16; value++)
            {
                // LMSW may set PE but never clear it: from real mode only values without PE come back here.
                CellContext c = New(mode, value);
                c.Image[Register.Eax] = 0xFFFF0000 | (mode == CaseMode.Real ? value & ~1u : value);
                c.Emit(a => a.lmsw(ax));
                yield return DescriptorCases.Finish(c, $"lmsw/{mode}/{value:x}");
            }
        }
    }

    private static IEnumerable<OracleCase> DebugRegisters()
    {
        foreach (CaseMode mode in Modes)
        {
            for (int register = 0; register < 8; register++)
            {
                for (int direction = 0; direction < 2; direction++)
                {
                    for (int extension = 0; extension < 2; extension++)
                    {
                        if (mode == CaseMode.Cpl0 || mode == CaseMode.Real || extension == 0)
                        {
                            CellContext c = New(mode, (uint)(register * 4 + direction));
                            c.Image[Register.Cr4] |= (uint)extension << 3;
                            c.Image[Register.Eax] = register == 7 ? 0xFF000700 : 0x0000400E;
                            c.EmitBytes(0x0F, (byte)(direction == 0 ? 0x21 : 0x23), (byte)(0xC0 | register << 3));
                            yield return DescriptorCases.Finish(c, $"dr{register}/{(direction == 0 ? "read" : "write")}/{mode}/{(extension == 1 ? "de" : "plain")}");
                        }
                    }
                }
            }
        }
    }

    private static IEnumerable<OracleCase> Tables()
    {
        (string Name, byte Reg)[] instructions = [("sgdt", 0), ("sidt", 1), ("lgdt", 2), ("lidt", 3), ("smsw", 4), ("lmsw", 6), ("invlpg", 7)];
        foreach (CaseMode mode in Modes)
        {
            foreach ((string name, byte reg) in instructions)
            {
                for (int variant = 0; variant < 4; variant++)
                {
                    CellContext c = New(mode, (uint)(reg * 4 + variant));
                    int limit = name == "lgdt" ? 0x37F : mode == CaseMode.Real ? 0x3FF : 0x7FF;
                    int table = name == "lgdt" ? Layout.Gdt : mode == CaseMode.Real ? Layout.Ivt : Layout.Idt;
                    c.Image.Write16(c.DataAddress, name == "lmsw" ? (mode == CaseMode.Real ? 0xE : 0xF) : limit).Write32(c.DataAddress + 2, (uint)table);
                    byte[] prefix = (variant & 1) == 0 ? [] : [0x66];
                    byte[] address = c.Bits == 32 || c.IsRealStyle ? [] : [0x67];
                    byte operand = (byte)(reg << 3 | (c.IsRealStyle ? 4 : 6));
                    c.EmitBytes([.. address, .. prefix, 0x0F, 0x01, operand]);
                    yield return DescriptorCases.Finish(c, $"{name}-memory/{mode}/{variant}");
                }
            }

            foreach ((string name, byte[] code) in new (string, byte[])[]
            {
                ("smsw-register", [0x0F, 0x01, 0xE1]), ("smsw-register-66", [0x66, 0x0F, 0x01, 0xE1]), ("sldt", [0x0F, 0x00, 0xC1]), ("sldt-66", [0x66, 0x0F, 0x00, 0xC1]),
                ("str", [0x0F, 0x00, 0xC9]), ("str-66", [0x66, 0x0F, 0x00, 0xC9]), ("clts", [0x0F, 0x06]), ("lgdt-register", [0x0F, 0x01, 0xD0]),
            })
            {
                for (int variant = 0; variant < 3; variant++)
                {
                    CellContext c = New(mode, (uint)(code[^1] + variant));
                    c.Image[Register.Cr0] |= (uint)c.Pick(2) * 8;
                    c.EmitBytes(code);
                    yield return DescriptorCases.Finish(c, $"{name}/{mode}/{variant}");
                }
            }
        }
    }

    private static IEnumerable<OracleCase> Privileged()
    {
        foreach (CaseMode mode in Modes.Where(mode => mode is not CaseMode.Real))
        {
            foreach ((string name, byte[] code) in new (string, byte[])[] { ("cli", [0xFA]), ("sti", [0xFB]), ("pushf", [0x9C]), ("popf", [0x9D]), ("invd", [0x0F, 0x08]), ("wbinvd", [0x0F, 0x09]) })
            {
                for (int iopl = 0; iopl < 4; iopl++)
                {
                    CellContext c = New(mode, (uint)(code[0] + iopl * 256));
                    c.RequireIopl(iopl);
                    c.Image.Write32(c.IsRealStyle ? Layout.Stack3 : (int)c.Image[Register.Esp], 0x203CD7 ^ (uint)c.Pick(2) * 0x3200u);
                    c.EmitBytes(code);
                    yield return DescriptorCases.Finish(c, $"{name}/{mode}/iopl{iopl}");
                }
            }
        }
    }

    private static CellContext New(CaseMode mode, uint seed)
    {
        var c = new CellContext(mode, seed + (uint)mode * 977);
        c.ScatterFlags();
        return c;
    }
}
