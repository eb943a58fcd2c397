namespace Harness.Oracles.Bochs.Cases;

/// <summary>Limits of expand-up and expand-down segments at their edges, types of access, and the instructions that use the stack most: ENTER, LEAVE, PUSHA, POPA.</summary>
internal static class LimitCases
{
    public static IEnumerable<OracleCase> Create() => [.. Edges(), .. Stacks()];

    private static IEnumerable<OracleCase> Edges()
    {
        // Limit 0x53F: an expand-up segment ends there, an expand-down one starts above.
        const uint limit = 0x53F;
        (string Name, int Type)[] types = [("up", 3), ("read-only", 1), ("down", 7), ("down-read-only", 5), ("code", 0xB), ("execute-only", 9)];
        foreach ((string name, int type) in types)
        {
            for (int big = 0; big < 2; big++)
            {
                foreach (uint offset in new uint[] { 0, limit - 3, limit - 2, limit - 1, limit, limit + 1, 0xFFFD, 0xFFFF, 0x10000, 0xFFFFFFFD })
                {
                    for (int kind = 0; kind < 4; kind++)
                    {
                        CellContext c = DescriptorCases.New(kind & 1, (int)(offset + (uint)kind) & 0xFFFF);
                        c.Image.Descriptor(Layout.Scratch, Layout.Data, limit, 0x90 | type | c.Cpl << 5, big * 4);
                        c.Image[Register.Es] = (uint)(Layout.Scratch | c.Cpl);
                        c.Image[Register.Edi] = offset;
                        c.EmitBytes(Access(c.Bits, kind));
                        yield return DescriptorCases.Finish(c, $"limit/{name}/{(big == 1 ? "big" : "small")}/{offset:x}/{kind}");
                    }
                }
            }
        }
    }

    // Byte read, dword read, word write, dword write at ES:[EDI].
    private static byte[] Access(int bits, int kind)
    {
        byte opcode = kind switch
        {
            0 => 0x8A,
            1 => 0x8B,
            _ => 0x89,
        };
        bool resize = kind != 0 && (kind == 2) == (bits == 32);
        return [0x26, .. bits == 32 ? Array.Empty<byte>() : [0x67], .. resize ? new byte[] { 0x66 } : [], opcode, 0x07];
    }

    private static IEnumerable<OracleCase> Stacks()
    {
        foreach (CaseMode mode in new[] { CaseMode.Virtual8086, CaseMode.Cpl3, CaseMode.Cpl1 })
        {
            foreach ((string name, byte[] code) in Instructions())
            {
                for (int variant = 0; variant < 6; variant++)
                {
                    // Whether the first writes remain when a later one faults is nowhere said.
                    if (name.StartsWith("enter", StringComparison.Ordinal) ? variant != 0 : name.StartsWith("pusha", StringComparison.Ordinal) && variant is >= 1 and <= 3)
                    {
                        continue;
                    }

                    var c = new CellContext(mode, (uint)(variant * 32 + code[^1] + (int)mode * 1000));
                    c.ScatterFlags();
                    Stack(c, variant);
                    c.EmitBytes(code);
                    yield return DescriptorCases.Finish(c, $"stack/{name}/{mode}/{variant}");
                }
            }
        }
    }

    private static IEnumerable<(string Name, byte[] Code)> Instructions()
    {
        foreach (byte level in new byte[] { 0, 1, 2, 5, 31, 33 })
        {
            yield return ($"enter{level}", [0xC8, 8, 0, level]);
            yield return ($"enter{level}-66", [0x66, 0xC8, 8, 0, level]);
        }

        yield return ("enter-large", [0xC8, 0xF0, 0xFF, 0]);
        yield return ("leave", [0xC9]);
        yield return ("leave-66", [0x66, 0xC9]);
        yield return ("pusha", [0x60]);
        yield return ("pusha-66", [0x66, 0x60]);
        yield return ("popa", [0x61]);
        yield return ("popa-66", [0x66, 0x61]);
        yield return ("push-sp", [0x54]);
        yield return ("pop-sp", [0x5C]);
        yield return ("push-fs", [0x0F, 0xA0]);
        yield return ("ret", [0xC2, 4, 0]);
    }

    // The stack pointer well inside, at the bottom, at the top, or outside a limited segment.
    private static void Stack(CellContext c, int variant)
    {
        GuestImage m = c.Image;
        uint pointer = variant switch
        {
            1 => 6u,
            2 => 0xFFFE,
            3 => 0x12,
            _ => c.IsRealStyle ? 0x3F0u : Layout.Stack3 - 0x10,
        };
        m[Register.Esp] = pointer;
        m[Register.Ebp] = variant == 4 ? 0xFFFF : pointer + 8;
        int top = c.IsRealStyle ? 0x7000 + 0x3F0 : Layout.Stack3 - 0x10;
        m.Write32(top, Layout.Code + 0x40).Write(Layout.Code + 0x40, 0x0F, 0x0B);
        if (c.IsRealStyle)
        {
            m.Write32(top, 0x40);
        }
        else if (variant is 1 or 2 or 3 or 5)
        {
            m.Descriptor(Layout.Scratch, variant == 5 ? 0u : Layout.Data2, variant == 5 ? 0x73C0u : 0x7FFu, 0x93 | (variant == 5 ? 4 : 0) | c.Cpl << 5, c.Pick(2) * 4);
            m[Register.Ss] = (uint)(Layout.Scratch | c.Cpl);
        }
    }
}
