namespace Harness.Oracles.Bochs.Cases;

/// <summary>
/// IOPL-sensitive instructions in virtual-8086 mode with and without its extensions, interrupt redirection, and protected-mode virtual interrupts
/// (SDM Vol. 3A, 20.2 to 20.4).
/// </summary>
internal static class Virtual8086Cases
{
    private const uint Vif = 1u << 19;
    private const uint Vip = 1u << 20;

    private static readonly (string Name, byte[] Code)[] Sensitive =
    [
        ("cli", [0xFA]), ("sti", [0xFB]), ("pushf", [0x9C]), ("popf", [0x9D]), ("iret", [0xCF]), ("int", [0xCD, 0x25]), ("int3", [0xCC]), ("pushfd", [0x66, 0x9C]),
        ("popfd", [0x66, 0x9D]), ("iretd", [0x66, 0xCF]), ("hlt", [0xF4]), ("into", [0xCE]),
    ];

    public static GuestImage Base() => RedirectVectors(GuestImage.CreateVirtual8086(0));

    public static IEnumerable<OracleCase> Create()
    {
        foreach ((string name, byte[] code) in Sensitive)
        {
            for (int variant = 0; variant < 32; variant++)
            {
                bool extended = (variant & 4) != 0, redirected = (variant & 8) != 0;
                var c = new CellContext(CaseMode.Virtual8086, (uint)(variant * 64 + code[0]));
                c.ScatterFlags();
                Prepare(c, variant & 3, extended, (variant & 16) != 0, wide: code[0] == 0x66, returns: code[^1] == 0xCF);
                if (redirected)
                {
                    c.Image.Write(Layout.MainTss + 0x68, new byte[32]);
                }

                c.EmitBytes(code);
                yield return DescriptorCases.Finish(c, $"v86/{name}/iopl{variant & 3}{(extended ? "/vme" : "")}{(redirected ? "/redirected" : "")}/{variant >> 4}");
            }
        }

        foreach ((string name, byte[] code) in Sensitive.Where(one => one.Name is "cli" or "sti" or "pushf" or "popf"))
        {
            for (int variant = 0; variant < 16; variant++)
            {
                var c = new CellContext(CaseMode.Cpl3, (uint)(variant * 64 + code[0]));
                c.ScatterFlags();
                Prepare(c, variant & 3, false, (variant & 8) != 0, wide: true, returns: false);
                c.Image[Register.Cr4] = (variant & 4) != 0 ? 2u : 0;
                c.EmitBytes(code);
                yield return DescriptorCases.Finish(c, $"pvi/{name}/{variant:x}");
            }
        }
    }

    private static GuestImage RedirectVectors(GuestImage image)
    {
        for (int vector = 0; vector < Layout.StubCount; vector++)
        {
            image.Write16(Layout.Ivt + vector * 4, Layout.RedirectedStub(vector));
        }

        return image;
    }

    // The top of the stack holds flags (and a return address) for POPF and IRET to take; some have TF or a pending virtual interrupt.
    private static void Prepare(CellContext c, int iopl, bool extended, bool pending, bool wide, bool returns)
    {
        GuestImage m = c.Image;
        c.RequireIopl(iopl);
        m[Register.Cr4] = extended ? 1u : 0;
        m[Register.Eflags] |= (c.Pick(2) == 0 ? Vif : 0) | (pending && extended ? Vip : 0);
        m[Register.Eflags] &= ~((m[Register.Eflags] & Vip) != 0 ? Vif : 0);
        m.Write(Layout.Code + 0x80, 0x0F, 0x0B);
        RedirectVectors(m);
        ushort flags = (ushort)(2 | c.Pick(2) * 0x200 | c.Pick(4) << 12 | c.Pick(6) / 5 * 0x100 | c.Pick(2) * 0x8D5 | c.Pick(2) * 0x4000);
        if (c.Mode == CaseMode.Cpl3)
        {
            m.Write32(Layout.Stack3, flags);
            return;
        }

        int size = wide ? 4 : 2;
        m.Write16(Layout.Stack3, returns ? 0x80 : flags).Write16(Layout.Stack3 + size, Layout.Code >> 4).Write16(Layout.Stack3 + 2 * size, flags);
    }
}
