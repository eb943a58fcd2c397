using System.Text;
using static Harness.Scenarios.LoaderBytes;

namespace Harness.Scenarios;

/// <summary>A file that a boot loader puts into memory beside a kernel.</summary>
/// <param name="Name">What the kernel is told about it.</param>
/// <param name="Bytes">Contents.</param>
public sealed record MultibootModule(string Name, ReadOnlyMemory<byte> Bytes);

/// <summary>Starts kernels as a Multiboot loader does (Multiboot Specification 0.6.96): flat segments, EAX the loader's magic number, EBX the information.</summary>
public static class Multiboot
{
    private const uint HeaderMagic = 0x1BADB002;
    private const uint LoaderMagic = 0x2BADB002;
    private const int SearchedBytes = 8192;
    private const uint UnknownRequirements = 0xFFF8;

    // Everything of the loader's lies below 64 KiB, where ElfFile lets no kernel be.
    private const uint Gdt = 0x800;
    private const uint Stub = 0x840;
    private const uint Information = 0x900;
    private const uint MemoryMap = 0x980;
    private const uint ModuleTable = 0x1000;
    private const uint Strings = 0x2000;
    private const uint StringsEnd = 0x7C00;
    private const uint ModuleEntryBytes = 16;

    // Information that is there: memory, command line, modules, memory map.
    private const uint InformationFlags = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6;

    /// <summary>A kernel with its command line and modules in memory, at its first instruction.</summary>
    /// <param name="file">A 32-bit ELF executable with a Multiboot header.</param>
    /// <param name="name">Names it in errors.</param>
    /// <param name="commandLine">ASCII.</param>
    /// <param name="modules">They follow the kernel, each on its own pages.</param>
    /// <param name="memoryBytes">Guest memory.</param>
    /// <exception cref="GuestBuildException">The file is no such kernel, or memory is too small.</exception>
    public static GuestImage Load(ReadOnlySpan<byte> file, string name, string commandLine, IReadOnlyList<MultibootModule> modules, long memoryBytes)
    {
        CheckHeader(file, name);
        ElfFile elf = ElfFile.Parse(file, name);
        List<GuestBytes> contents = [.. elf.Segments.Select(s => At(s.Physical, s.Bytes))];
        var strings = new StringTable();
        uint commandLineAt = strings.Add(commandLine);
        var table = new byte[modules.Count * ModuleEntryBytes];
        long next = elf.End;
        for (int i = 0; i < modules.Count; i++)
        {
            next = (next + PageBytes - 1) & ~(long)(PageBytes - 1);
            contents.Add(new GuestBytes(new PhysicalAddress((ulong)next), modules[i].Bytes));
            Span<byte> entry = table.AsSpan((int)(i * ModuleEntryBytes));
            Put(entry, 0, (uint)next);
            Put(entry, 4, (uint)(next + modules[i].Bytes.Length));
            Put(entry, 8, strings.Add(modules[i].Name));
            next += modules[i].Bytes.Length;
        }

        if (next > memoryBytes || table.Length > Strings - ModuleTable)
        {
            throw new GuestBuildException($"{name}: kernel and modules end at {next:X}h, beyond the guest's memory of {memoryBytes:X}h bytes: give it more, or fewer modules.");
        }

        byte[] map = Map(memoryBytes);
        contents.Add(At(Gdt, [.. new byte[8], .. BitConverter.GetBytes(FlatCode), .. BitConverter.GetBytes(FlatData)]));
        contents.Add(At(Stub, Start(elf.Entry)));
        contents.Add(At(Information, Describe(commandLineAt, (uint)modules.Count, (uint)map.Length, memoryBytes)));
        contents.Add(At(MemoryMap, map));
        contents.Add(At(ModuleTable, table));
        contents.Add(At(Strings, strings.Bytes));
        return new GuestImage
        {
            Name = name,
            MemoryBytes = memoryBytes,
            Contents = contents,
            Entry = new GuestEntry { Mode = EntryMode.Protected, Cs = 8, Data = 16, Eip = Stub, Esp = Gdt, GdtBase = Gdt, GdtLimit = 23 },
        };
    }

    private static void CheckHeader(ReadOnlySpan<byte> file, string name)
    {
        for (int at = 0; at + 12 <= Math.Min(file.Length, SearchedBytes); at += 4)
        {
            uint flags = Get(file, at + 4);
            if (Get(file, at) == HeaderMagic && unchecked(HeaderMagic + flags + Get(file, at + 8)) == 0)
            {
                if ((flags & UnknownRequirements) != 0)
                {
                    throw new GuestBuildException($"{name}, offset {at + 4:X}h: expected no requirements but page alignment, memory and video; found flags {flags:X8}h.");
                }

                return;
            }
        }

        throw new GuestBuildException(
            $"{name}: expected a Multiboot header (1BADB002h, flags, checksum) in the first {SearchedBytes} bytes, or a Linux bzImage; found neither.");
    }

    private static byte[] Start(uint entry)
    {
        byte[] code = [0xB8, 0, 0, 0, 0, 0xBB, 0, 0, 0, 0, 0xB9, 0, 0, 0, 0, 0xFF, 0xE1]; // mov eax, magic; mov ebx, information; mov ecx, entry; jmp ecx
        Put(code, 1, LoaderMagic);
        Put(code, 6, Information);
        Put(code, 11, entry);
        return code;
    }

    private static byte[] Describe(uint commandLine, uint modules, uint mapBytes, long memoryBytes)
    {
        var information = new byte[52];
        Put(information, 0, InformationFlags);
        Put(information, 4, LowMemory / 1024);
        Put(information, 8, (uint)((memoryBytes - HighMemory) / 1024));
        Put(information, 16, commandLine);
        Put(information, 20, modules);
        Put(information, 24, ModuleTable);
        Put(information, 44, mapBytes);
        Put(information, 48, MemoryMap);
        return information;
    }

    private static byte[] Map(long memoryBytes)
    {
        const int EntryBytes = 24;
        var map = new byte[2 * EntryBytes];
        for (int i = 0; i < 2; i++)
        {
            Span<byte> entry = map.AsSpan(i * EntryBytes);
            Put(entry, 0, EntryBytes - 4);
            Put(entry, 4, i == 0 ? 0 : HighMemory);
            Put(entry, 12, i == 0 ? LowMemory : (uint)(memoryBytes - HighMemory));
            Put(entry, 20, 1);
        }

        return map;
    }

    private sealed class StringTable
    {
        private readonly MemoryStream _bytes = new();

        public byte[] Bytes => _bytes.ToArray();

        public uint Add(string text)
        {
            uint at = Strings + (uint)_bytes.Length;
            _bytes.Write(Encoding.ASCII.GetBytes(text + "\0"));
            return Strings + _bytes.Length <= StringsEnd
                ? at
                : throw new GuestBuildException($"The command lines of kernel and modules exceed {StringsEnd - Strings} bytes.");
        }
    }
}
