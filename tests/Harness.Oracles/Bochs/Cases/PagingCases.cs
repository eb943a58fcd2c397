using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

/// <summary>Page rights, accessed and dirty bits, error codes and reserved bits: 4 KiB pages, 4 MiB pages, PAE with 2 MiB pages and execute-disable.</summary>
internal static class PagingCases
{
    private const int Page = 0x40;
    private const uint Address = Page << 12;

    private static readonly (string Name, Action<CellContext> Emit)[] Accesses =
    [
        ("read", c => c.Emit(a => a.mov(eax, c.Dword))),
        ("write", c => c.Emit(a => a.mov(c.Dword, eax))),
        ("modify", c => c.Emit(a => a.add(c.Dword, ecx))),
        ("execute", c => c.Emit(a => a.jmp(esi))),
        ("push", c =>
        {
            c.Emit(a =>
            {
                a.lea(esp, __[esi + 4]);
                a.push(ecx);
            });
        }),
        ("string", c =>
        {
            c.Image[Register.Ecx] = 2;
            c.Image[Register.Edi] = Layout.Data2;
            c.Emit(a => a.rep.movsd());
        }),
    ];

    public static IEnumerable<OracleCase> Create()
    {
        foreach ((string name, Action<CellContext> emit) in Accesses)
        {
            int width = name == "execute" ? 1 : 2;
            for (uint rights = 0; rights < 8; rights++)
            {
                for (int level = 0; level < 2; level++)
                {
                    for (int protect = 0; protect < width; protect++)
                    {
                        string suffix = $"{name}/{rights:x}{(level == 0 ? "s" : "u")}{protect}";
                        yield return Table32(emit, $"pte/{suffix}", level, protect, directory: 7, entry: Layout.Data | rights);
                        yield return Table32(emit, $"pde/{suffix}", level, protect, directory: rights, entry: Layout.Data | 7);
                        yield return LargePage(emit, $"pse/{suffix}", level, protect, rights);
                        yield return Pae(emit, $"pae/{suffix}", level, protect, rights, disable: rights >= 4);
                        yield return LargePae(emit, $"pae2m/{suffix}", level, protect, rights);
                    }
                }
            }
        }

        foreach ((ulong entry, bool executeDisable) in new[] { (1UL << 63 | 7, false), (1UL << 40 | 7, false), (1UL << 40 | 7, true), (1UL << 62 | 7, true), (1UL << 52 | 7, false) })
        {
            for (int level = 0; level < 2; level++)
            {
                foreach ((string name, Action<CellContext> emit) in Accesses)
                {
                    CellContext c = Start(level, 1);
                    c.Image.WithPaging(pae: true).MapPagePae(Page, entry | Layout.Data);
                    c.Image[Register.Efer] = executeDisable ? 0x800u : 0;
                    emit(c);
                    yield return DescriptorCases.Finish(c, $"reserved/{name}/{entry:x}{(executeDisable ? "nx" : "")}{level}");
                }
            }
        }
    }

    // Level 0 is CPL 0, level 1 is CPL 3; everything is 32-bit.
    private static CellContext Start(int level, int protect)
    {
        uint seed = 1;
        CellContext c = new(level == 0 ? CaseMode.Cpl0 : CaseMode.Cpl3, seed);
        while (c.Bits != 32)
        {
            c = new CellContext(c.Mode, ++seed);
        }

        c.Image.AtLevel(c.Cpl);
        c.Image[Register.Esi] = Address;
        c.Image[Register.Cr0] |= (uint)protect << 16;
        c.Image.Write(Layout.Data, 0x0F, 0x0B);
        return c;
    }

    private static OracleCase Table32(Action<CellContext> emit, string name, int level, int protect, uint directory, uint entry)
    {
        CellContext c = Start(level, protect);
        c.Image.WithPaging();

        // A second directory entry, so that the identity mapping stays as it is.
        c.Image.Write32(Layout.PageDirectory + 4, Layout.PageTable | directory);
        c.Image.MapPage(Page, entry);
        c.Image[Register.Esi] = Address + 0x400000;
        emit(c);
        return DescriptorCases.Finish(c, name);
    }

    private static OracleCase LargePage(Action<CellContext> emit, string name, int level, int protect, uint rights)
    {
        CellContext c = Start(level, protect);
        c.Image.WithPaging();
        c.Image[Register.Cr4] |= 0x10;
        c.Image.Write32(Layout.PageDirectory + 8, 0x80 | rights);
        c.Image[Register.Esi] = 0x800000 + Layout.Data;
        emit(c);
        return DescriptorCases.Finish(c, name);
    }

    private static OracleCase Pae(Action<CellContext> emit, string name, int level, int protect, uint rights, bool disable)
    {
        CellContext c = Start(level, protect);
        c.Image.WithPaging(pae: true);
        c.Image[Register.Efer] = 0x800;
        c.Image.MapPagePae(Page, Layout.Data | rights | (disable ? 1UL << 63 : 0));
        emit(c);
        return DescriptorCases.Finish(c, name);
    }

    private static OracleCase LargePae(Action<CellContext> emit, string name, int level, int protect, uint rights)
    {
        CellContext c = Start(level, protect);
        c.Image.WithPaging(pae: true);
        c.Image[Register.Efer] = 0x800;
        c.Image.Write32(Layout.PageDirectory + 16, 0x80 | rights).Write32(Layout.PageDirectory + 20, protect == 1 ? 0x80000000 : 0);
        c.Image[Register.Esi] = 0x400000 + Layout.Data;
        emit(c);
        return DescriptorCases.Finish(c, name);
    }
}
