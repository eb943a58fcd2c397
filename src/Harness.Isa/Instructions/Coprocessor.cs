namespace Harness.Isa.Instructions;

/// <summary>The escape opcodes D8 to DF without a coprocessor: #NM when CR0.EM or CR0.TS is set, otherwise nothing.</summary>
[Encodings(
    Code.Fadd_m32fp, Code.Fmul_m32fp, Code.Fcom_m32fp, Code.Fcomp_m32fp, Code.Fsub_m32fp, Code.Fsubr_m32fp, Code.Fdiv_m32fp, Code.Fdivr_m32fp,
    Code.Fadd_st0_sti, Code.Fmul_st0_sti, Code.Fcom_st0_sti, Code.Fcomp_st0_sti, Code.Fsub_st0_sti, Code.Fsubr_st0_sti, Code.Fdiv_st0_sti,
    Code.Fdivr_st0_sti, Code.Fld_m32fp, Code.Fst_m32fp, Code.Fstp_m32fp, Code.Fldenv_m14byte, Code.Fldenv_m28byte, Code.Fldcw_m2byte,
    Code.Fnstenv_m14byte, Code.Fnstenv_m28byte, Code.Fnstcw_m2byte, Code.Fld_sti, Code.Fxch_st0_sti, Code.Fnop, Code.Fstpnce_sti, Code.Fchs,
    Code.Fabs, Code.Ftst, Code.Fxam, Code.Fld1, Code.Fldl2t, Code.Fldl2e, Code.Fldpi, Code.Fldlg2, Code.Fldln2, Code.Fldz, Code.F2xm1,
    Code.Fyl2x, Code.Fptan, Code.Fpatan, Code.Fxtract, Code.Fprem1, Code.Fdecstp, Code.Fincstp, Code.Fprem, Code.Fyl2xp1, Code.Fsqrt,
    Code.Fsincos, Code.Frndint, Code.Fscale, Code.Fsin, Code.Fcos, Code.Fiadd_m32int, Code.Fimul_m32int, Code.Ficom_m32int, Code.Ficomp_m32int,
    Code.Fisub_m32int, Code.Fisubr_m32int, Code.Fidiv_m32int, Code.Fidivr_m32int, Code.Fcmovb_st0_sti, Code.Fcmove_st0_sti,
    Code.Fcmovbe_st0_sti, Code.Fcmovu_st0_sti, Code.Fucompp, Code.Fild_m32int, Code.Fisttp_m32int, Code.Fist_m32int, Code.Fistp_m32int,
    Code.Fld_m80fp, Code.Fstp_m80fp, Code.Fcmovnb_st0_sti, Code.Fcmovne_st0_sti, Code.Fcmovnbe_st0_sti, Code.Fcmovnu_st0_sti, Code.Fneni,
    Code.Fndisi, Code.Fnclex, Code.Fninit, Code.Fnsetpm, Code.Frstpm, Code.Fucomi_st0_sti, Code.Fcomi_st0_sti, Code.Fadd_m64fp,
    Code.Fmul_m64fp, Code.Fcom_m64fp, Code.Fcomp_m64fp, Code.Fsub_m64fp, Code.Fsubr_m64fp, Code.Fdiv_m64fp, Code.Fdivr_m64fp,
    Code.Fadd_sti_st0, Code.Fmul_sti_st0, Code.Fcom_st0_sti_DCD0, Code.Fcomp_st0_sti_DCD8, Code.Fsubr_sti_st0, Code.Fsub_sti_st0,
    Code.Fdivr_sti_st0, Code.Fdiv_sti_st0, Code.Fld_m64fp, Code.Fisttp_m64int, Code.Fst_m64fp, Code.Fstp_m64fp, Code.Frstor_m94byte,
    Code.Frstor_m108byte, Code.Fnsave_m94byte, Code.Fnsave_m108byte, Code.Fnstsw_m2byte, Code.Ffree_sti, Code.Fxch_st0_sti_DDC8, Code.Fst_sti,
    Code.Fstp_sti, Code.Fucom_st0_sti, Code.Fucomp_st0_sti, Code.Fiadd_m16int, Code.Fimul_m16int, Code.Ficom_m16int, Code.Ficomp_m16int,
    Code.Fisub_m16int, Code.Fisubr_m16int, Code.Fidiv_m16int, Code.Fidivr_m16int, Code.Faddp_sti_st0, Code.Fmulp_sti_st0,
    Code.Fcomp_st0_sti_DED0, Code.Fcompp, Code.Fsubrp_sti_st0, Code.Fsubp_sti_st0, Code.Fdivrp_sti_st0, Code.Fdivp_sti_st0, Code.Fild_m16int,
    Code.Fisttp_m16int, Code.Fist_m16int, Code.Fistp_m16int, Code.Fbld_m80bcd, Code.Fild_m64int, Code.Fbstp_m80bcd, Code.Fistp_m64int,
    Code.Ffreep_sti, Code.Fxch_st0_sti_DFC8, Code.Fstp_sti_DFD0, Code.Fstp_sti_DFD8, Code.Fnstsw_AX, Code.Fucomip_st0_sti, Code.Fcomip_st0_sti,
    Code.Fnstdw_AX, Code.Fnstsg_AX, Code.Cyrix_D9D7, Code.Cyrix_D9E2, Code.Ftstp, Code.Cyrix_D9E7, Code.Frint2, Code.Frichop, Code.Cyrix_DED8,
    Code.Cyrix_DEDA, Code.Cyrix_DEDC, Code.Cyrix_DEDD, Code.Cyrix_DEDE, Code.Frinear)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Coprocessor : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return (port.System.Cr0 & (Cr0.EM | Cr0.TS)) == 0 || port.Fault(Vector.NM);
    }
}
