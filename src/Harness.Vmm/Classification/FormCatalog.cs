using Iced.Intel;

namespace Harness.Vmm.Classification;

/// <summary>The instruction forms of a processor model in code of 16 or 32 bits, drawn from the decoder's own list of encodings.</summary>
public static class FormCatalog
{
    private static readonly Register[] Segments = [Register.ES, Register.CS, Register.SS, Register.DS, Register.FS, Register.GS];
    private static readonly Register[] Controls = [Register.CR0, Register.CR2, Register.CR3, Register.CR4];

    /// <summary>Every form of an encoding that belongs to an instruction set of the model, in the decoder's order. Whether it is defined is for experiment to find.</summary>
    /// <param name="model">The processor.</param>
    /// <param name="bits">16 or 32: the default operand and address size of the code.</param>
    public static IReadOnlyList<InstructionForm> Of(ProcessorModel model, int bits)
    {
        var forms = new List<InstructionForm>();
        foreach (Code code in Enum.GetValues<Code>())
        {
            OpCodeInfo info = code.ToOpCode();
            bool legacy = info.IsInstruction && info.Encoding == EncodingKind.Legacy && (bits == 16 ? info.Mode16 : info.Mode32);
            if (legacy && info.Table is OpCodeTableKind.Normal or OpCodeTableKind.T0F && model.Has(code))
            {
                Add(forms, code, info, bits);
            }
        }

        MakeUnique(forms);
        return forms;
    }

    private static void Add(List<InstructionForm> forms, Code code, OpCodeInfo info, int bits)
    {
        List<List<FormOperand>> choices = [[]];
        for (int i = 0; i < info.OpCount; i++)
        {
            OpCodeOperandKind kind = info.GetOpKind(i);
            choices = [.. choices.SelectMany(c => Choices(kind).Select(o => (List<FormOperand>)[.. c, o]))];
        }

        bool repeats = info.CanUseRepPrefix;
        foreach (List<FormOperand> operands in choices)
        {
            var form = new InstructionForm(code, operands, false);
            if (FormEncoder.CanEncode(form, bits))
            {
                forms.Add(form);
                if (repeats)
                {
                    forms.Add(new InstructionForm(code, operands, true));
                }
            }
        }
    }

    private static IEnumerable<FormOperand> Choices(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem =>
            [new(kind, OperandChoice.Register), new(kind, OperandChoice.Memory)],
        OpCodeOperandKind.mem or OpCodeOperandKind.mem_offs => [new(kind, OperandChoice.Memory)],
        OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r32_rm
            or OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode => [new(kind, OperandChoice.Register)],
        OpCodeOperandKind.seg_reg => Segments.Select(r => new FormOperand(kind, OperandChoice.SystemRegister, r)),
        OpCodeOperandKind.cr_reg => Controls.Select(r => new FormOperand(kind, OperandChoice.SystemRegister, r)),
        OpCodeOperandKind.dr_reg => Enumerable.Range(0, 8).Select(n => new FormOperand(kind, OperandChoice.SystemRegister, Register.DR0 + n)),
        OpCodeOperandKind.tr_reg => Enumerable.Range(3, 5).Select(n => new FormOperand(kind, OperandChoice.SystemRegister, Register.TR0 + n)),
        _ => [new(kind, OperandChoice.Implied)],
    };

    /// <summary>ADD r32, r/m32 and ADD r/m32, r32 share the form with two registers: the opcode tells them apart.</summary>
    private static void MakeUnique(List<InstructionForm> forms)
    {
        foreach (IGrouping<string, InstructionForm> same in forms.GroupBy(f => f.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            foreach (InstructionForm form in same)
            {
                form.Name = $"{form.Name} ({form.Code.ToOpCode().ToOpCodeString()})";
            }
        }
    }
}
