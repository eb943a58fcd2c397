using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hostile;

/// <summary>Code that tries to reach what is not its own.</summary>
/// <param name="Group">What it tries it by.</param>
/// <param name="Name">What exactly.</param>
/// <param name="Ring">0: a kernel's; 3: a program's, which has no business in its kernel's memory either.</param>
/// <param name="Code">Without labels: it is emitted as bytes, so that a kernel against hypercalls has the very same instructions.</param>
internal sealed record HostileAttempt(string Group, string Name, int Ring, Action<Assembler> Code)
{
    /// <summary>A page of the kernel's that no program may change: here, ...</summary>
    public const uint Secret = 0x9F000;

    /// <summary>... with this in each byte.</summary>
    public const byte SecretByte = 0x5C;

    /// <summary>A page of program's linear space whose mapping the kernel changes.</summary>
    public const uint Window = GuestLayout.ProcessBase + GuestLayout.ProcessBytes;

    /// <summary>What the attempt stores, if it gets so far.</summary>
    public const uint Mark = 0xBADC0DE5;

    /// <summary>INT 81h: maps <see cref="Window"/> to the frame and flags in ECX.</summary>
    private const byte MapVector = 0x81;
    private const byte HypercallVector = 0x82;
    private const byte RevokeVector = 0x83;
    private const uint WindowEntry = GuestLayout.ProcessTables + 0x2000 + (Window >> 12 & 0x3FF) * 4;

    /// <summary>What a kernel does before, for an attempt of either ring.</summary>
    public Action<Assembler> Prepare { get; init; } = _ => { };

    public static void MapWindow(Assembler a, uint entry)
    {
        a.mov(ecx, entry);
        a.@int(MapVector);
    }

    /// <summary>INT 83h: takes <see cref="Window"/> away, and reloads CR3.</summary>
    public static void RevokeWindow(Assembler a) => a.@int(RevokeVector);

    /// <summary>A kernel that ends at the first fault, and a program.</summary>
    /// <param name="memoryBytes">The guest's RAM.</param>
    public GuestImage Build(long memoryBytes) => Guest.Kernel(new GuestOptions { Name = ToString(), MemoryBytes = memoryBytes }, k =>
    {
        k.Paging = GuestPaging.Paging32;
        foreach (Vector vector in (ReadOnlySpan<Vector>)[Vector.DE, Vector.BR, Vector.UD, Vector.NM, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC, Vector.DB])
        {
            k.OnFault(vector, a => a.Done());
        }

        k.OnInterrupt(HypercallVector, a => a.iretd());
        k.OnInterrupt(MapVector, a =>
        {
            a.mov(ebx, Window);
            k.Remap(a);
            a.mov(eax, cr3);
            a.mov(cr3, eax);

            // A kernel uses what is its own, and a monitor maps it.
            a.mov(eax, __dword_ptr[Secret]);
            a.mov(__dword_ptr[Secret], eax);
            a.iretd();
        });
        k.OnInterrupt(RevokeVector, a =>
        {
            a.mov(__dword_ptr[WindowEntry], 0);
            a.mov(eax, cr3);
            a.mov(cr3, eax);
            a.iretd();
        });
        k.Boot(a =>
        {
            a.cld();
            a.mov(edi, Secret);
            a.mov(ecx, 0x400);
            a.mov(eax, SecretByte * 0x01010101u);
            a.rep.stosd();
            a.Db(Assemble(Prepare));
            if (Ring == 0)
            {
                a.Db(Assemble(Code));
            }
        });
        k.User(a =>
        {
            if (Ring == 3)
            {
                a.Db(Assemble(Code));
            }

            a.nop();
        });
    });

    public override string ToString() => $"{Group}: {Name}";

    private static byte[] Assemble(Action<Assembler> code)
    {
        var a = new Assembler(32);
        code(a);
        using var bytes = new MemoryStream();
        a.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();
    }
}
