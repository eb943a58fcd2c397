using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Oracles.Bochs.Cases;

/// <summary>A case under construction: its mode, its memory, and a deterministic stream of choices.</summary>
internal sealed class CellContext
{
    private uint _choice;

    public CellContext(CaseMode mode, uint seed)
    {
        Mode = mode;
        _choice = seed * 2654435761u + 12345;
        Bits = IsRealStyle || Pick(2) == 1 ? 16 : 32;
        Image = mode switch
        {
            CaseMode.Real => GuestImage.CreateReal(),
            CaseMode.Virtual8086 => GuestImage.CreateVirtual8086(Pick(2) * 3),
            _ => GuestImage.CreateProtected().AtLevel(Cpl, Bits, Pick(3) == 0 ? 16 : 32),
        };
    }

    public CaseMode Mode { get; }

    public GuestImage Image { get; }

    public int Bits { get; }

    public bool InvalidOpcodeEnds { get; set; } = true;

    public bool IsRealStyle => Mode is CaseMode.Real or CaseMode.Virtual8086;

    public bool IsProtected => !IsRealStyle;

    public int Cpl => Mode switch
    {
        CaseMode.Real => 0,
        CaseMode.Virtual8086 => 3,
        _ => Mode - CaseMode.Cpl0,
    };

    public AssemblerMemoryOperand Byte => IsRealStyle ? __byte_ptr[si] : __byte_ptr[esi];

    public AssemblerMemoryOperand Word => IsRealStyle ? __word_ptr[si] : __word_ptr[esi];

    public AssemblerMemoryOperand Dword => IsRealStyle ? __dword_ptr[si] : __dword_ptr[esi];

    public AssemblerMemoryOperand StackWord => IsRealStyle ? __word_ptr[bp] : __word_ptr[ebp];

    public AssemblerMemoryOperand StackDword => IsRealStyle ? __dword_ptr[bp] : __dword_ptr[ebp];

    /// <summary>Physical address that ESI points to at entry.</summary>
    public int DataAddress => IsRealStyle ? Layout.Data + 0x10 : Layout.Data;

    /// <summary>A choice in 0 .. <paramref name="count"/> - 1, the same on every computer.</summary>
    public int Pick(int count)
    {
        _choice = _choice * 1664525u + 1013904223u;
        return (int)((_choice >> 16) % (uint)count);
    }

    public T PickOf<T>(params ReadOnlySpan<T> choices) => choices[Pick(choices.Length)];

    /// <summary>The tested instructions, then UD2 as the end; where vector 6 is what is tested, INT 3Eh instead.</summary>
    public void Emit(Action<Assembler> emit)
    {
        byte[] end = InvalidOpcodeEnds ? [0x0F, 0x0B] : [0xCD, 0x3E];
        Image.Code(Bits, emit);
        int length = GuestImage.Assemble(Bits, emit).Length;
        Image.Write(Layout.Code + length, end);
    }

    public void EmitBytes(params byte[] bytes) => Emit(a => a.db(bytes));

    public void RequireIopl(int iopl) => Image[Register.Eflags] = Image[Register.Eflags] & ~0x3000u | (uint)iopl << 12;

    /// <summary>Arithmetic flags, IF, DF, NT, AC and (in protected mode) IOPL at random. None of the tested instructions leaves a flag undefined.</summary>
    public void ScatterFlags()
    {
        uint flags = Image[Register.Eflags];
        foreach (uint bit in new uint[] { 0x1, 0x4, 0x10, 0x40, 0x80, 0x200, 0x400, 0x800, 0x4000, 0x40000, 0x200000 })
        {
            if (Pick(2) == 1)
            {
                flags |= bit;
            }
        }

        Image[Register.Eflags] = flags;
        if (IsProtected)
        {
            RequireIopl(Pick(4));
        }
    }
}
