namespace Harness.Scenarios;

/// <summary>Makes guests: from assembly in a script, from a small kernel, from bytes and files.</summary>
public static class Guest
{
    /// <summary>
    /// A vector without a handler ends the run by writing this plus the vector, 32 bits, to the exit port. EAX then is on top of the stack, above the frame.
    /// </summary>
    public const uint UnhandledInterrupt = 0x0BAD0000;

    /// <summary>"an unhandled #GP" if the exit code is that of a default handler, else null.</summary>
    internal static string? UnhandledIn(int? exitCode) =>
        exitCode is { } code && (uint)code >> 1 is >= UnhandledInterrupt and <= UnhandledInterrupt + byte.MaxValue and var value
            ? $"an unhandled {Vectors.Name((byte)(value - UnhandledInterrupt))}"
            : null;

    private const uint Megabyte = 1 << 20;
    private const string Options = "options; leave them out for the usual ones";

    /// <summary>32-bit protected mode in ring 0: flat segments, an IDT, a TSS, a stack, no paging, interrupts off.</summary>
    public static GuestImage Protected32(Action<GuestAssembler> body) => Protected32(new GuestOptions(), body);

    /// <inheritdoc cref="Protected32(Action{GuestAssembler})"/>
    public static GuestImage Protected32(GuestOptions options, Action<GuestAssembler> body)
    {
        Given.NotNull(options, Options);
        Given.NotNull(body, Given.Code);
        uint origin = options.Origin ?? GuestLayout.Code;
        var program = new GuestProgram(origin);
        var a = new GuestAssembler(program, 32);
        body(a);
        var tables = new SystemTables();
        tables.Emit(a);
        return Build(program, options, tables.Entry(options, origin));
    }

    /// <summary>Real-address mode at 0000:7C00, the stack below; the interrupt vectors are all zero.</summary>
    public static GuestImage Real16(Action<GuestAssembler> body) => Real16(new GuestOptions(), body);

    /// <inheritdoc cref="Real16(Action{GuestAssembler})"/>
    public static GuestImage Real16(GuestOptions options, Action<GuestAssembler> body)
    {
        Given.NotNull(options, Options);
        Given.NotNull(body, Given.Code);
        uint origin = options.Origin ?? GuestLayout.BootSector;
        var program = new GuestProgram(origin);
        var a = new GuestAssembler(program, 16);
        body(a);
        a.Take();
        return Build(program, options, RealEntry(options, origin));
    }

    /// <summary>A kernel with what the script asks of it: handlers, system calls, programs in outer rings, processes.</summary>
    public static GuestImage Kernel(Action<GuestKernel> describe) => Kernel(new GuestOptions(), describe);

    /// <inheritdoc cref="Kernel(Action{GuestKernel})"/>
    public static GuestImage Kernel(GuestOptions options, Action<GuestKernel> describe)
    {
        Given.NotNull(options, Options);
        Given.NotNull(describe, "a description such as k => k.User(a => ...)");
        (GuestImage? paravirtual, string obstacle) = Paravirtual(options, describe);
        var kernel = new GuestKernel(options, usesHypercalls: false);
        describe(kernel);
        return kernel.Build(paravirtual, obstacle);
    }

    /// <summary>The same description built against hypercalls, or why it cannot be.</summary>
    private static (GuestImage? Image, string Obstacle) Paravirtual(GuestOptions options, Action<GuestKernel> describe)
    {
        try
        {
            var kernel = new GuestKernel(options, usesHypercalls: true);
            describe(kernel);
            return (kernel.Build(null, ""), "");
        }
        catch (SensitiveInstructionException e)
        {
            return (null, e.Message);
        }
        catch (GuestBuildException)
        {
            // The description is wrong, and building it for the processor itself says how.
            return (null, "the guest cannot be built");
        }
    }

    /// <summary>Machine code that starts at its first byte. In protected mode the tables are those of <see cref="Protected32(Action{GuestAssembler})"/>.</summary>
    public static GuestImage FromBytes(byte[] code, uint address, EntryMode mode) => FromBytes(new GuestOptions(), code, address, mode);

    /// <inheritdoc cref="FromBytes(byte[], uint, EntryMode)"/>
    public static GuestImage FromBytes(GuestOptions options, byte[] code, uint address, EntryMode mode)
    {
        Given.NotNull(options, Options);
        Given.NotNull(code, "machine code as an array of bytes");
        GuestOptions placed = options with { Origin = address };
        return mode switch
        {
            EntryMode.Real => Real16(placed, a => a.Raw(code)),
            EntryMode.Protected => Protected32(placed, a => a.Raw(code)),
            _ => throw new GuestBuildException($"Bytes start in EntryMode.Real or EntryMode.Protected; found {mode}."),
        };
    }

    /// <summary>A flat binary file, with as much memory as it needs; see <see cref="FromBytes(byte[], uint, EntryMode)"/>.</summary>
    public static GuestImage FromFile(string path, uint address, EntryMode mode) => Placed(path, Read(path), address, mode);

    /// <summary>The bytes of a listing that NASM wrote with -l, from its address 0 on at <paramref name="address"/>.</summary>
    public static GuestImage FromNasmListing(string path, uint address, EntryMode mode)
    {
        byte[] code = NasmListing.Parse(System.Text.Encoding.Latin1.GetString(Read(path)), Path.GetFileName(path), address);
        return Placed(path, code, address, mode);
    }

    /// <summary>A 32-bit x86 ELF executable, loaded at its physical addresses, in protected mode as <see cref="Protected32(Action{GuestAssembler})"/>.</summary>
    public static GuestImage FromElf(string path)
    {
        var elf = ElfFile.Parse(Read(path), Path.GetFileName(path));
        var program = new GuestProgram(GuestLayout.Code);
        var a = new GuestAssembler(program, 32);
        foreach (ElfSegment segment in elf.Segments)
        {
            a.Org(segment.Linear, segment.Physical);
            if (segment.IsCode)
            {
                a.Raw(segment.Bytes);
            }
            else
            {
                a.Db(segment.Bytes);
            }
        }

        var tables = new SystemTables();
        tables.Emit(a);
        GuestOptions options = Named(path, elf.End);
        return Build(program, options, tables.Entry(options, elf.Entry));
    }

    internal static GuestImage Build(
        GuestProgram program, GuestOptions options, GuestEntry entry, GuestImage? paravirtual = null, string obstacle = "the guest has no image that is built against hypercalls")
    {
        if (options.MemoryBytes < Megabyte || options.MemoryBytes % 0x10000 != 0)
        {
            throw new GuestBuildException($"MemoryBytes expects a multiple of 10000h (64 KiB), 1 MiB or more; found {options.MemoryBytes}.");
        }

        IReadOnlyList<GuestBytes> contents = program.Assemble();
        foreach (GuestBytes part in contents)
        {
            if (part.Address.Value + (ulong)part.Bytes.Length > (ulong)options.MemoryBytes)
            {
                throw new GuestBuildException(
                    $"{part.Bytes.Length} bytes at {part.Address}h exceed the guest's memory of {options.MemoryBytes:X}h bytes: "
                    + "set MemoryBytes, or place them lower.");
            }
        }

        return new GuestImage
        {
            Name = options.Name,
            MemoryBytes = options.MemoryBytes,
            Contents = contents,
            Entry = entry,
            Marks = program.ResolveMarks(),
            Code = program.CodeRanges(),
            Paravirtual = paravirtual,
            NotParavirtual = obstacle,
        };
    }

    private static GuestEntry RealEntry(GuestOptions options, uint origin)
    {
        if (origin >= Megabyte)
        {
            throw new GuestBuildException($"A real-mode guest starts below 100000h; found {origin:X}h.");
        }

        bool near = origin <= ushort.MaxValue;
        return new GuestEntry
        {
            Mode = EntryMode.Real,
            Cs = near ? (ushort)0 : (ushort)(origin >> 4),
            Eip = near ? origin : origin & 0xF,
            Esp = GuestLayout.BootSector,
            Eflags = (uint)(options.Flags | Flags.Fixed),
            Cr0 = options.Cr0,
            Cr4 = options.Cr4,
        };
    }

    private static GuestImage Placed(string path, byte[] code, uint address, EntryMode mode) =>
        FromBytes(Named(path, (long)address + code.Length), code, address, mode);

    // Memory in whole 64-KiB units, as the chipset wants it.
    private static GuestOptions Named(string path, long end) =>
        new() { Name = Path.GetFileNameWithoutExtension(path), MemoryBytes = Math.Max(Megabyte, (end + 0xFFFF) & ~0xFFFFL) };

    private static byte[] Read(string path)
    {
        Given.NotNull(path, "the path of a guest file");
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new GuestBuildException($"{path}: a guest file was expected there, but it cannot be read: {e.Message}", e);
        }
    }
}
