namespace Harness.Oracles.Bochs.Cases;

/// <summary>Single stepping across instructions that inhibit or move the trap, and breakpoints of every length (SDM Vol. 3B, 17.2 and 17.3).</summary>
internal static class SteppingCases
{
    private static readonly (string Name, byte[] Wide, byte[] Real)[] Stepped =
    [
        ("nop", [0x90, 0x90], [0x90, 0x90]), ("mov-ss", [0x8C, 0xD0, 0x8E, 0xD0, 0x90, 0x90], [0x8E, 0xD0, 0x90, 0x90]), ("pop-ss", [0x16, 0x17, 0x90, 0x90], [0x16, 0x17, 0x90, 0x90]),
        ("mov-ss-after", [0x8E, 0xD2, 0x90, 0x90], [0x8E, 0xD2, 0x90, 0x90]), ("pushf", [0x9C, 0x90], [0x9C, 0x90]), ("int", [0xCD, 0x21], [0xCD, 0x21]),
        ("int3", [0xCC], [0xCC]), ("divide", [0xF6, 0xF5], [0xF6, 0xF5]), ("rep", [0xF3, 0xAA, 0x90], [0xF3, 0xAA, 0x90]), ("jump", [0xEB, 0x02, 0x90, 0x90], [0xEB, 0x02, 0x90, 0x90]),
        ("invalid", [0x0F, 0xB9, 0xC0], [0x0F, 0xB9, 0xC0]), ("icebp", [0xF1], [0xF1]), ("sti", [0xFB, 0x90], [0xFB, 0x90]), ("call", [0xE8, 0, 0, 0, 0, 0x90], [0xE8, 0, 0, 0x90]),
    ];

    public static IEnumerable<OracleCase> Create()
    {
        foreach (CaseMode mode in Enum.GetValues<CaseMode>())
        {
            foreach ((string name, byte[] wide, byte[] real) in Stepped)
            {
                for (int variant = 0; variant < 2; variant++)
                {
                    CellContext c = New(mode, variant * 100 + wide[0] + wide.Length);
                    GuestImage m = c.Image;
                    c.RequireIopl(3);
                    m[Register.Eax] = m[Register.Edx] = m[Register.Ss];
                    m[Register.Ecx] = variant == 0 ? 3u : 0x0003;
                    m[Register.Edi] = c.IsRealStyle ? 0x20u : Layout.Data2;
                    if (variant == 0)
                    {
                        m[Register.Eflags] |= 0x100;
                    }
                    else
                    {
                        m[Register.Eflags] &= ~0x10000u;
                        m[Register.Dr0] = (uint)(Layout.Code + (name.StartsWith("mov-ss", StringComparison.Ordinal) ? 2 : 1));
                        m[Register.Dr7] = 0x402;
                    }

                    c.EmitBytes(c.Bits == 32 ? wide : real);
                    yield return DescriptorCases.Finish(c, $"step/{name}/{mode}/{variant}");
                }
            }

            for (int variant = 0; variant < 48; variant++)
            {
                yield return Watch(mode, variant);
            }
        }
    }

    // A data breakpoint of length 1, 2 or 4 around an access of 1, 2 or 4 bytes that just meets or just misses it.
    private static OracleCase Watch(CaseMode mode, int variant)
    {
        CellContext c = New(mode, variant + 500);
        GuestImage m = c.Image;
        (uint code, uint length) = (variant % 3) switch
        {
            0 => (0u, 1u),
            1 => (1u, 2u),
            _ => (3u, 4u),
        };
        int slot = c.Pick(4);
        uint rw = variant / 3 % 2 == 0 ? 1u : 3u;
        uint at = (uint)c.DataAddress + 8;
        m[Register.Dr0 + slot] = at;
        m[Register.Dr7] = 0x400 | c.PickOf(1u, 2u, 3u) << (slot * 2) | (code << 2 | rw) << (16 + slot * 4);
        m[Register.Eflags] &= ~0x10000u;
        uint offset = c.PickOf(length, length - 1, unchecked((uint)-1), unchecked((uint)-4), 0u);
        m[Register.Esi] += 8 + offset;
        byte[] opcode = (variant / 6 % 4) switch
        {
            0 => [0x8A],
            1 => [0x89],
            2 => [0x66, 0x8B],
            _ => [0x66, 0x01],
        };
        byte[] address = c.Bits == 32 || c.IsRealStyle ? [] : [0x67];
        c.EmitBytes([.. address, .. opcode, (byte)(c.IsRealStyle ? 0x0C : 0x0E), 0x90]);
        return DescriptorCases.Finish(c, $"watch/{mode}/{variant:d2}");
    }

    private static CellContext New(CaseMode mode, int seed)
    {
        var c = new CellContext(mode, (uint)seed + (uint)mode * 3000);
        c.ScatterFlags();
        return c;
    }
}
