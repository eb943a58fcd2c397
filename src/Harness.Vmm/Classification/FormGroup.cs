using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>Groups of instructions as SDM Vol. 1, chapter 5, lists them, and families: what the literature calls one instruction.</summary>
public static class FormGroup
{
    private const string System = "system";
    private const string Miscellaneous = "miscellaneous";

    private static readonly (string Name, Mnemonic[] Members)[] Groups =
    [
        ("data-transfer",
        [
            Mnemonic.Mov, Mnemonic.Xchg, Mnemonic.Bswap, Mnemonic.Xadd, Mnemonic.Cmpxchg, Mnemonic.Cmpxchg8b, Mnemonic.Cwd, Mnemonic.Cdq, Mnemonic.Cbw, Mnemonic.Cwde,
            Mnemonic.Movsx, Mnemonic.Movzx, Mnemonic.Cmova, Mnemonic.Cmovae, Mnemonic.Cmovb, Mnemonic.Cmovbe, Mnemonic.Cmove, Mnemonic.Cmovg, Mnemonic.Cmovge, Mnemonic.Cmovl,
            Mnemonic.Cmovle, Mnemonic.Cmovne, Mnemonic.Cmovno, Mnemonic.Cmovnp, Mnemonic.Cmovns, Mnemonic.Cmovo, Mnemonic.Cmovp, Mnemonic.Cmovs,
        ]),
        ("stack",
        [
            Mnemonic.Push, Mnemonic.Pop, Mnemonic.Pusha, Mnemonic.Pushad, Mnemonic.Popa, Mnemonic.Popad, Mnemonic.Enter, Mnemonic.Leave,
        ]),
        ("binary-arithmetic",
        [
            Mnemonic.Add, Mnemonic.Adc, Mnemonic.Sub, Mnemonic.Sbb, Mnemonic.Imul, Mnemonic.Mul, Mnemonic.Idiv, Mnemonic.Div, Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Neg,
            Mnemonic.Cmp,
        ]),
        ("decimal-arithmetic", [Mnemonic.Daa, Mnemonic.Das, Mnemonic.Aaa, Mnemonic.Aas, Mnemonic.Aam, Mnemonic.Aad]),
        ("logical", [Mnemonic.And, Mnemonic.Or, Mnemonic.Xor, Mnemonic.Not]),
        ("shift-and-rotate",
        [
            Mnemonic.Sar, Mnemonic.Shr, Mnemonic.Sal, Mnemonic.Shl, Mnemonic.Shrd, Mnemonic.Shld, Mnemonic.Ror, Mnemonic.Rol, Mnemonic.Rcr, Mnemonic.Rcl,
        ]),
        ("bit-and-byte",
        [
            Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc, Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Test, Mnemonic.Seta, Mnemonic.Setae, Mnemonic.Setb, Mnemonic.Setbe,
            Mnemonic.Sete, Mnemonic.Setg, Mnemonic.Setge, Mnemonic.Setl, Mnemonic.Setle, Mnemonic.Setne, Mnemonic.Setno, Mnemonic.Setnp, Mnemonic.Setns, Mnemonic.Seto,
            Mnemonic.Setp, Mnemonic.Sets,
        ]),
        ("control-transfer",
        [
            Mnemonic.Jmp, Mnemonic.Je, Mnemonic.Jne, Mnemonic.Ja, Mnemonic.Jae, Mnemonic.Jb, Mnemonic.Jbe, Mnemonic.Jg, Mnemonic.Jge, Mnemonic.Jl, Mnemonic.Jle, Mnemonic.Jo,
            Mnemonic.Jno, Mnemonic.Js, Mnemonic.Jns, Mnemonic.Jp, Mnemonic.Jnp, Mnemonic.Jcxz, Mnemonic.Jecxz, Mnemonic.Loop, Mnemonic.Loope, Mnemonic.Loopne, Mnemonic.Call,
            Mnemonic.Ret, Mnemonic.Retf, Mnemonic.Iret, Mnemonic.Iretd, Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Bound,
        ]),
        ("string",
        [
            Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd, Mnemonic.Lodsb,
            Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd,
        ]),
        ("input-output",
        [
            Mnemonic.In, Mnemonic.Out, Mnemonic.Insb, Mnemonic.Insw, Mnemonic.Insd, Mnemonic.Outsb, Mnemonic.Outsw, Mnemonic.Outsd,
        ]),
        ("flag-control",
        [
            Mnemonic.Stc, Mnemonic.Clc, Mnemonic.Cmc, Mnemonic.Cld, Mnemonic.Std, Mnemonic.Lahf, Mnemonic.Sahf, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Popf, Mnemonic.Popfd,
            Mnemonic.Sti, Mnemonic.Cli,
        ]),
        ("segment-register", [Mnemonic.Lds, Mnemonic.Les, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Lss]),
        (Miscellaneous,
        [
            Mnemonic.Lea, Mnemonic.Nop, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2, Mnemonic.Xlatb, Mnemonic.Cpuid, Mnemonic.Pause, Mnemonic.Salc, Mnemonic.Reservednop,
        ]),
        ("coprocessor", []),
        (System, []),
        ("virtualization", []),
    ];

    private static readonly Dictionary<Mnemonic, string> Known =
        Groups.SelectMany(g => g.Members.Select(m => (Mnemonic: m, g.Name))).ToDictionary(p => p.Mnemonic, p => p.Name);

    /// <summary>The groups in the order of the manual.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Groups.Select(g => g.Name)];

    /// <summary>The group of a form. What chapter 5 does not list among the general-purpose instructions belongs to the coprocessor, to VT-x or to the system.</summary>
    public static string Of(InstructionForm form)
    {
        if (form.Operands.FirstOrDefault(IsSystem).System is not Register.None and var register)
        {
            return register.IsSegmentRegister() ? "segment-register" : System;
        }

        IReadOnlyList<CpuidFeature> features = form.Code.CpuidFeatures();
        return Known.TryGetValue(form.Code.Mnemonic(), out string? name) ? name
            : features.Contains(CpuidFeature.VMX) ? "virtualization"
            : form.Mnemonic.StartsWith('f') || form.Mnemonic == "wait" ? "coprocessor"
            : System;
    }

    /// <summary>What the literature counts as one instruction: <c>pushf</c> of any size, <c>mov sreg</c>, <c>mov cr</c>, <c>call far</c>, <c>int</c>.</summary>
    public static string FamilyOf(InstructionForm form)
    {
        Mnemonic mnemonic = form.Code.Mnemonic();
        Register register = form.Operands.FirstOrDefault(IsSystem).System;
        Register implied = form.Code.ToOpCode().OpCount == 1 ? SegmentOf(form.Code.ToOpCode().GetOpKind(0)) : Register.None;
        string suffix = register.IsSegmentRegister() || implied != Register.None ? " sreg"
            : register.IsCR() ? " cr"
            : register.IsDR() ? " dr"
            : register.IsTR() ? " tr"
            : form.Code.IsCallFar() || form.Code.IsCallFarIndirect() || form.Code.IsJmpFar() || form.Code.IsJmpFarIndirect() ? " far"
            : "";
        string name = mnemonic switch
        {
            Mnemonic.Pushfd => "pushf",
            Mnemonic.Popfd => "popf",
            Mnemonic.Iretd => "iret",
            _ => form.Mnemonic,
        };
        return name + suffix;
    }

    private static bool IsSystem(FormOperand operand) => operand.System != Register.None;

    private static Register SegmentOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.es => Register.ES,
        OpCodeOperandKind.cs => Register.CS,
        OpCodeOperandKind.ss => Register.SS,
        OpCodeOperandKind.ds => Register.DS,
        OpCodeOperandKind.fs => Register.FS,
        OpCodeOperandKind.gs => Register.GS,
        _ => Register.None,
    };
}
