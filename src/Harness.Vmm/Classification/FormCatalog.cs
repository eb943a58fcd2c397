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

    /// <summary>Mnemonics and names of forms that are spelt almost as <paramref name="name"/>, the nearest first.</summary>
    public static IReadOnlyList<string> Nearest(IEnumerable<InstructionForm> forms, string name, int count)
    {
        string wanted = name.ToLowerInvariant();
        return
        [
            .. forms.SelectMany(f => (string[])[f.Mnemonic, f.Name]).Distinct(StringComparer.Ordinal)
                .OrderBy(n => Distance(n, wanted)).ThenBy(n => n, StringComparer.Ordinal).Take(count),
        ];
    }

    /// <summary>Insertions, deletions and substitutions that lead from one text to the other.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
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
                form.Name = $"{form.Name} ({form.OpCode})";
            }
        }
    }
}
