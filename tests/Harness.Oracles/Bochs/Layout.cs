namespace Harness.Oracles.Bochs;

/// <summary>Physical addresses, selectors and ROM offsets of the batch images. Linear equals physical unless a case maps it otherwise.</summary>
public static class Layout
{
    // The live region: restored before each case and compared, dword by dword, after it.
    public const int Ivt = 0x0000;
    public const int Gdt = 0x0800;
    public const int Ldt = 0x0C00;
    public const int Idt = 0x1000;
    public const int MainTss = 0x1800;
    public const int OtherTss32 = 0x1B00;
    public const int OtherTss16 = 0x1C00;
    public const int HandlerTss32 = 0x1D00;
    public const int HandlerTss16 = 0x1E00;
    public const int PageDirectoryPointers = 0x1F00;
    public const int PageDirectory = 0x2000;
    public const int PageTable = 0x3000;
    public const int Code = 0x4000;
    public const int Data = 0x5000;
    public const int Data2 = 0x6000;
    public const int Stack0 = 0x7100;
    public const int Stack1 = 0x7200;
    public const int Stack2 = 0x7300;
    public const int Stack3 = 0x7400;
    public const int TaskStack = 0x7500;
    public const int HandlerStack = 0x7600;
    public const int LiveSize = 0x8000;

    /// <summary>The state block that a case starts from, one dword per <see cref="Register"/>; it directly follows the live region.</summary>
    public const int State = LiveSize;
    public const int ImageSize = State + 0x100;

    // The reporter's own memory, never compared.
    public const int BaseCopy = 0x10000;
    public const int Snapshot = 0x20000;
    public const int Arrival = 0x80000;
    public const int ArrivalVector = Arrival + 0x100;
    public const int Cursor = Arrival + 0x104;
    public const int Index = Arrival + 0x108;
    public const int EntryData = Arrival + 0x110;
    public const int EntryExtra = Arrival + 0x114;
    public const int EntryF = Arrival + 0x118;
    public const int EntryG = Arrival + 0x11C;

    // Below 64 KiB, so that an IRET to a 16-bit stack segment leaves nothing in the upper half of ESP.
    public const int ReporterStack = 0xF000;

    // Selectors of the reporter; every table that a case loads holds them at the same place.
    public const int ReporterCode = 0x08;
    public const int ReporterData = 0x10;
    public const int ReporterStackSegment = 0x18;
    public const int ReporterCode16 = 0x20;
    public const int ReporterData16 = 0x28;

    // Selectors for cases.
    public const int ConformingHandler = 0x30;
    public const int MainTssSelector = 0xD0;
    public const int OtherTss32Selector = 0xD8;
    public const int OtherTss16Selector = 0xE0;
    public const int HandlerTss32Selector = 0xE8;
    public const int HandlerTss16Selector = 0xF0;
    public const int LdtSelector = 0xF8;
    public const int Scratch = 0x100;

    // ROM offsets in segment F000.
    public const int Rom = 0xF0000;
    public const int RomSize = 0x10000;
    public const int CaseStream = 0x0004;
    public const int CaseStreamEnd = 0xE000;
    public const int NameTable = 0xE000;
    public const int ReporterGdt = 0xE100;
    public const int ReporterGdtPointer = 0xE140;
    public const int RedirectedStubs = 0xE200;
    public const int Stubs32 = 0xE400;
    public const int Stubs16 = 0xE800;
    public const int Reporter16 = 0xEA00;
    public const int EnterReal = 0xEB00;
    public const int Reporter32 = 0xF000;
    public const int Reset = 0xFFF0;

    /// <summary>Vectors that have a reporting stub.</summary>
    public const int StubCount = 0x40;

    /// <summary>The gate by which a handler of CPL 1 to 3 hands over to the reporter.</summary>
    public const int HandOverVector = 0xF0;

    public static int Code32(int dpl) => 0x40 + dpl * 0x20;

    public static int Code16(int dpl) => 0x48 + dpl * 0x20;

    public static int Data32(int dpl) => 0x50 + dpl * 0x20;

    public static int Data16(int dpl) => 0x58 + dpl * 0x20;

    /// <summary>A handler's code segment at the reporter's base with the given DPL.</summary>
    public static int HandlerCode(int dpl) => dpl == 0 ? ReporterCode : 0x1E0 + dpl * 8;

    /// <summary>Offset of the 32-bit stub of a vector in the reporter's code segment.</summary>
    public static int Stub32(int vector) => Stubs32 + vector * 7;

    /// <summary>Offset of the real-mode stub of a vector in segment F000.</summary>
    public static int Stub16(int vector) => Stubs16 + vector * 5;

    /// <summary>Offset of the two bytes of UD2 by which a virtual-8086 handler reached through the IVT shows itself.</summary>
    public static int RedirectedStub(int vector) => RedirectedStubs + vector * 2;
}

/// <summary>The dwords of the state block, in its order; those before <see cref="Eip"/> are compared on arrival.</summary>
public enum Register
{
    Eax, Ecx, Edx, Ebx, Esp, Ebp, Esi, Edi, Es, Cs, Ss, Ds, Fs, Gs, Eflags, Cr0, Cr2, Cr3, Cr4, Dr0, Dr1, Dr2, Dr3, Dr6, Dr7, Ldtr, Tr,
    GdtLimit, GdtBase, IdtLimit, IdtBase, Eip, Efer,
}
