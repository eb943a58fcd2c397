using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>An instruction form that is not judged, and why.</summary>
/// <param name="Name">Iced's name of the form, or of the group of forms.</param>
/// <param name="Reason">Why it is left out.</param>
public readonly record struct ExcludedForm(string Name, string Reason);

/// <summary>The instruction forms that ring 3 of an IA-32 processor up to Yonah can meet, x87, MMX and SSE apart, drawn from the decoder's own list.</summary>
public static class Forms
{
    private static readonly CpuidFeature[] _features =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.CMOV,
        CpuidFeature.CX8, CpuidFeature.MULTIBYTENOP, CpuidFeature.PAUSE, CpuidFeature.SEP, CpuidFeature.TSC, CpuidFeature.CPUID, CpuidFeature.MSR,
        CpuidFeature.RDPMC, CpuidFeature.MONITOR,
    ];

    private static readonly Mnemonic[] _umip = [Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw];

    private static readonly Mnemonic[] _privileged =
    [
        Mnemonic.In, Mnemonic.Out, Mnemonic.Insb, Mnemonic.Insw, Mnemonic.Insd, Mnemonic.Outsb, Mnemonic.Outsw, Mnemonic.Outsd, Mnemonic.Hlt, Mnemonic.Cli,
        Mnemonic.Sti, Mnemonic.Lldt, Mnemonic.Ltr, Mnemonic.Lgdt, Mnemonic.Lidt, Mnemonic.Lmsw, Mnemonic.Invlpg, Mnemonic.Clts, Mnemonic.Invd,
        Mnemonic.Wbinvd, Mnemonic.Wrmsr, Mnemonic.Rdmsr,
    ];

    /// <summary>Encodings that no form has and that raise #UD on every processor since the 80386, as hexadecimal bytes (SDM Vol. 2D, appendix A).</summary>
    public static IReadOnlyList<string> UndefinedEncodings { get; } =
    [
        "8EC8", "8EF0", "8EF8", "8CF0", "8CF8", "8DC0", "FED0", "FEF8", "FFF8", "FFD8", "FFE8", "0F00F0", "0F00F8", "0F01F8F8", "0FBAC001", "0FBAD801",
        "0FC7C0", "0FB2C0", "0FB4C0", "0FB5C0",
    ];

    /// <summary>The judged forms, in the decoder's order.</summary>
    public static IReadOnlyList<Code> All { get; }

    /// <summary>Every other form of legacy encoding in 16- or 32-bit code, in the decoder's order, forms of foreign feature sets as one row for each set.</summary>
    public static IReadOnlyList<ExcludedForm> Excluded { get; }

    static Forms()
    {
        var all = new List<Code>();
        var excluded = new List<ExcludedForm>();
        var foreign = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (Code code in Enum.GetValues<Code>())
        {
            OpCodeInfo info = code.ToOpCode();
            if (!info.IsInstruction || info.Encoding != EncodingKind.Legacy || !(info.Mode16 || info.Mode32))
            {
                continue;
            }

            CpuidFeature[] features = InstructionInfoExtensions.CpuidFeatures(code);
            if (features.Except(_features).Any())
            {
                string name = string.Join('+', features);
                foreign[name] = foreign.GetValueOrDefault(name) + 1;
            }
            else if (Reason(code, info) is string reason)
            {
                excluded.Add(new ExcludedForm(code.ToString(), reason));
            }
            else
            {
                all.Add(code);
            }
        }

        foreach ((string name, int count) in foreign)
        {
            excluded.Add(new ExcludedForm($"{name} ({count} forms)", "not in the integer instruction set of IA-32 up to Yonah"));
        }

        All = all;
        Excluded = excluded;
    }

    /// <summary>Whether ring 3 with IOPL 0 may not execute it.</summary>
    /// <param name="code">A form.</param>
    public static bool IsPrivileged(Code code) => Array.IndexOf(_privileged, code.Mnemonic()) >= 0
        || code is Code.Mov_r32_cr or Code.Mov_cr_r32 or Code.Mov_r32_dr or Code.Mov_dr_r32;

    private static string? Reason(Code code, OpCodeInfo info)
    {
        Mnemonic mnemonic = code.Mnemonic();
        if (Array.IndexOf(_umip, mnemonic) >= 0)
        {
            return "the kernel emulates it under UMIP";
        }

        return mnemonic switch
        {
            Mnemonic.Cpuid => "names the processor",
            Mnemonic.Rdtsc => "reads the clock",
            Mnemonic.Rdpmc => "depends on CR4.PCE, which the operating system sets",
            Mnemonic.Sysenter or Mnemonic.Sysexit => "enters the kernel, or #UD, by vendor and mode",
            Mnemonic.Monitor or Mnemonic.Mwait => "ring 3 depends on the vendor and an MSR",
            Mnemonic.Int1 => "raises #DB, which the debugger cannot tell from its own traps",
            Mnemonic.Reservednop => "hint space: later processors gave it to PREFETCH, MPX and CET",
            Mnemonic.Ud0 when info.OpCount == 0 => "same bytes as UD0 with ModR/M, which the decoder prefers",
            _ => null,
        };
    }
}
