using System.Buffers.Binary;

namespace Harness.Scenarios;

/// <summary>A loadable segment: bytes of the file, and where they go.</summary>
internal readonly record struct ElfSegment(uint Linear, uint Physical, byte[] Bytes, bool IsCode);

/// <summary>What loading needs of a 32-bit x86 executable (System V ABI, chapters 4 and 5). Every field is checked: the file may be anything.</summary>
internal sealed class ElfFile
{
    private const int HeaderBytes = 52;
    private const int ProgramHeaderBytes = 32;
    private const int Executable = 2;
    private const int Machine386 = 3;
    private const uint Load = 1;
    private const uint ExecuteFlag = 1;
    private const long MaximumAddress = 256 << 20;

    private ElfFile(uint entry, long end, IReadOnlyList<ElfSegment> segments)
    {
        Entry = entry;
        End = end;
        Segments = segments;
    }

    /// <summary>Physical.</summary>
    public uint Entry { get; }

    /// <summary>First physical address past the segments, zeroed parts included.</summary>
    public long End { get; }

    public IReadOnlyList<ElfSegment> Segments { get; }

    public static ElfFile Parse(ReadOnlySpan<byte> file, string name)
    {
        CheckHeader(file, name);
        uint entry = U32(file, 24);
        uint table = U32(file, 28);
        int count = U16(file, 44);
        if (count != 0 && U16(file, 42) != ProgramHeaderBytes)
        {
            throw Error(name, 42, $"program headers of {ProgramHeaderBytes} bytes", $"{U16(file, 42)}");
        }

        if ((long)table + (long)count * ProgramHeaderBytes > file.Length)
        {
            throw Error(name, 28, $"{count} program headers inside the file of {file.Length} bytes", $"a table at {table:X}h");
        }

        List<ElfSegment> segments = [];
        long end = 0;
        long total = 0;
        uint? start = null;
        for (int i = 0; i < count; i++)
        {
            int at = (int)table + i * ProgramHeaderBytes;
            uint memory = U32(file, at + 20);
            if (U32(file, at) != Load || memory == 0)
            {
                continue;
            }

            ElfSegment segment = ReadSegment(file, name, at, memory);
            total += segment.Bytes.Length;
            if (total > MaximumAddress)
            {
                throw Error(name, at, $"segments of {MaximumAddress} bytes together", $"more, in {i + 1} program headers");
            }

            segments.Add(segment);
            end = Math.Max(end, (long)segment.Physical + memory);

            // A kernel linked high names its entry by linear address, but starts without paging.
            start ??= Translate(entry, segment.Physical, segment.Physical, memory) ?? Translate(entry, segment.Linear, segment.Physical, memory);
        }

        return start is { } found
            ? new ElfFile(found, end, segments)
            : throw Error(name, 24, "an entry point inside a loadable segment", $"{entry:X8}h");
    }

    private static void CheckHeader(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < HeaderBytes || !file.StartsWith("\u007fELF"u8))
        {
            string start = Convert.ToHexString(file[..Math.Min(4, file.Length)]);
            throw Error(name, 0, $"an ELF header of {HeaderBytes} bytes that begins with 7F454C46", $"{file.Length} bytes that begin with {start}");
        }

        if (file[4] != 1 || file[5] != 1)
        {
            throw Error(name, 4, "class 1 (32 bits), encoding 1 (little-endian)", $"class {file[4]}, encoding {file[5]}: link with -m elf_i386");
        }

        if (U16(file, 16) != Executable || U16(file, 18) != Machine386)
        {
            string found = $"type {U16(file, 16)}, machine {U16(file, 18)}: link with -m elf_i386 -static";
            throw Error(name, 16, $"type {Executable} (executable) for machine {Machine386} (80386)", found);
        }
    }

    private static ElfSegment ReadSegment(ReadOnlySpan<byte> file, string name, int at, uint memory)
    {
        uint offset = U32(file, at + 4);
        uint physical = U32(file, at + 12);
        uint inFile = U32(file, at + 16);
        if ((long)offset + inFile > file.Length)
        {
            throw Error(name, at + 4, $"a segment inside the file of {file.Length} bytes", $"{inFile} bytes at {offset:X}h");
        }

        if (inFile > memory)
        {
            throw Error(name, at + 16, $"no more bytes in the file than in memory ({memory})", $"{inFile}");
        }

        if (physical < GuestLayout.Code || (long)physical + memory > MaximumAddress)
        {
            string found = $"{memory:X}h bytes at {physical:X8}h: link with -Ttext=0x100000";
            throw Error(name, at + 12, $"physical addresses from {GuestLayout.Code:X}h to {MaximumAddress - 1:X}h", found);
        }

        return new ElfSegment(U32(file, at + 8), physical, file.Slice((int)offset, (int)inFile).ToArray(), (U32(file, at + 24) & ExecuteFlag) != 0);
    }

    private static uint? Translate(uint address, uint from, uint to, uint length) => address - from < length ? to + (address - from) : null;

    private static ushort U16(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    private static uint U32(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt32LittleEndian(file[at..]);

    private static GuestBuildException Error(string name, int offset, string expected, string found) =>
        new($"{name}, offset {offset:X}h: expected {expected}; found {found}.");
}
