using System.Text;
using static Harness.Scenarios.LoaderBytes;

namespace Harness.Scenarios;

/// <summary>
/// Starts kernels in Linux's bzImage format by the 32-bit boot protocol (The Linux/x86 Boot Protocol; Zero Page): flat segments, paging and interrupts off,
/// ESI the boot parameters, EBX, EBP and EDI zero.
/// </summary>
public static class BzImage
{
    private const int SectorBytes = 512;
    private const int DefaultSetupSectors = 4;
    private const uint Magic = 0x53726448;
    private const uint LoadedHigh = 1;
    private const byte UnknownLoader = 0xFF;
    private const int OldCommandLineLimit = 255;
    private const uint OldInitrdLimit = 0x37FFFFFF;

    // The setup header, at the same offsets in the file and in the boot parameters.
    private const int SetupSectors = 0x1F1;
    private const int VideoMode = 0x1FA;
    private const int JumpOffset = 0x201;
    private const int Header = 0x202;
    private const int Version = 0x206;
    private const int LoaderType = 0x210;
    private const int LoadFlags = 0x211;
    private const int Code32Start = 0x214;
    private const int InitrdAddress = 0x218;
    private const int InitrdSize = 0x21C;
    private const int CommandLinePointer = 0x228;
    private const int InitrdLimit = 0x22C;
    private const int CommandLineLimit = 0x238;
    private const int PreferredAddress = 0x258;
    private const int InitSize = 0x260;
    private const int HeaderEnd = 0x290;

    // The rest of the boot parameters.
    private const int AlternativeMemory = 0x1E0;
    private const int MapEntries = 0x1E8;
    private const int Map = 0x2D0;
    private const int MapEntryBytes = 20;

    // Everything of the loader's lies in low memory, where no protected-mode kernel is.
    private const uint Gdt = 0x800;
    private const uint Stub = 0x840;
    private const uint Parameters = 0x10000;
    private const uint CommandLine = 0x20000;

    /// <summary>The file has the setup header of a bzImage.</summary>
    public static bool Matches(ReadOnlySpan<byte> file) => file.Length >= HeaderEnd && Get(file, Header) == Magic;

    /// <summary>A kernel with its command line and initial RAM disk in memory, at its 32-bit entry.</summary>
    /// <param name="file">One that <see cref="Matches"/>.</param>
    /// <param name="name">Names it in errors.</param>
    /// <param name="commandLine">ASCII.</param>
    /// <param name="modules">At most one: the initial RAM disk, which goes as high as it may.</param>
    /// <param name="memoryBytes">Guest memory.</param>
    /// <exception cref="GuestBuildException">The file is no such kernel, or memory is too small.</exception>
    public static GuestImage Load(ReadOnlySpan<byte> file, string name, string commandLine, IReadOnlyList<MultibootModule> modules, long memoryBytes)
    {
        int version = Get16(file, Version);
        if (version < 0x202 || (file[LoadFlags] & LoadedHigh) == 0)
        {
            throw new GuestBuildException(
                $"{name}, offset {Version:X}h: expected a bzImage of boot protocol 2.02 or later that is loaded high; found version {version >> 8}.{version & 0xFF:D2}, load flags {file[LoadFlags]:X2}h.");
        }

        int setup = ((file[SetupSectors] == 0 ? DefaultSetupSectors : file[SetupSectors]) + 1) * SectorBytes;
        if (setup >= file.Length)
        {
            throw new GuestBuildException($"{name}: expected a kernel behind {setup} bytes of setup, found {file.Length} bytes in all; the file is truncated.");
        }

        byte[] kernel = file[setup..].ToArray();
        uint entry = Get(file, Code32Start);
        long end = Math.Max(entry + (long)kernel.Length, version >= 0x20A ? Math.Max(entry, Get(file, PreferredAddress)) + (long)Get(file, InitSize) : 0);
        if (entry < HighMemory || end > memoryBytes)
        {
            throw new GuestBuildException($"{name}: the kernel needs {entry:X}h to {end:X}h; the guest has 100000h to {memoryBytes:X}h: give it more memory.");
        }

        byte[] line = Encoding.ASCII.GetBytes(commandLine + "\0");
        long longest = version >= 0x206 ? Get(file, CommandLineLimit) : OldCommandLineLimit;
        if (line.Length - 1 > Math.Min(longest, PageBytes))
        {
            throw new GuestBuildException($"{name}: expected a command line of at most {Math.Min(longest, PageBytes)} bytes, found {line.Length - 1}.");
        }

        byte[] parameters = Describe(file, memoryBytes);
        List<GuestBytes> contents = [At(entry, kernel), At(CommandLine, line)];
        if (modules.Count > 0)
        {
            contents.Add(Initrd(modules, name, parameters, end, Math.Min(memoryBytes - 1, version >= 0x203 ? Get(file, InitrdLimit) : OldInitrdLimit)));
        }

        contents.Add(At(Parameters, parameters));
        contents.Add(At(Gdt, [.. new byte[16], .. BitConverter.GetBytes(FlatCode), .. BitConverter.GetBytes(FlatData)]));
        contents.Add(At(Stub, Start(entry)));
        return new GuestImage
        {
            Name = name,
            MemoryBytes = memoryBytes,
            Contents = contents,
            Entry = new GuestEntry { Mode = EntryMode.Protected, Cs = 16, Data = 24, Eip = Stub, Esp = Gdt, GdtBase = Gdt, GdtLimit = 31 },
        };
    }

    private static GuestBytes Initrd(IReadOnlyList<MultibootModule> modules, string name, byte[] parameters, long lowest, long last)
    {
        ReadOnlyMemory<byte> bytes = modules[0].Bytes;
        long address = (last + 1 - bytes.Length) & ~(long)(PageBytes - 1);
        if (modules.Count > 1 || address < lowest)
        {
            throw new GuestBuildException($"{name}: expected one initial RAM disk that fits between {lowest:X}h and {last:X}h; found {modules.Count}, the first of {bytes.Length} bytes.");
        }

        Put(parameters, InitrdAddress, (uint)address);
        Put(parameters, InitrdSize, (uint)bytes.Length);
        return new GuestBytes(new PhysicalAddress((ulong)address), bytes);
    }

    private static byte[] Describe(ReadOnlySpan<byte> file, long memoryBytes)
    {
        var parameters = new byte[PageBytes];
        int headerEnd = Math.Min(Header + file[JumpOffset], HeaderEnd);
        file[SetupSectors..headerEnd].CopyTo(parameters.AsSpan(SetupSectors));

        // screen_info: 80 by 25 characters of 16 lines on a VGA, the cursor at the top.
        parameters[0x06] = 3;
        parameters[0x07] = 80;
        parameters[0x0E] = 25;
        parameters[0x0F] = 1;
        parameters[0x10] = 16;

        parameters[VideoMode] = 0xFF;
        parameters[VideoMode + 1] = 0xFF;
        parameters[LoaderType] = UnknownLoader;
        Put(parameters, CommandLinePointer, CommandLine);
        Put(parameters, AlternativeMemory, (uint)((memoryBytes - HighMemory) / 1024));
        parameters[MapEntries] = 2;
        for (int i = 0; i < 2; i++)
        {
            Span<byte> entry = parameters.AsSpan(Map + (i * MapEntryBytes));
            Put(entry, 0, i == 0 ? 0 : HighMemory);
            Put(entry, 8, i == 0 ? LowMemory : (uint)(memoryBytes - HighMemory));
            Put(entry, 16, 1);
        }

        return parameters;
    }

    private static byte[] Start(uint entry)
    {
        byte[] code = [0xBE, 0, 0, 0, 0, 0xB9, 0, 0, 0, 0, 0xFF, 0xE1]; // mov esi, parameters; mov ecx, entry; jmp ecx
        Put(code, 1, Parameters);
        Put(code, 6, entry);
        return code;
    }
}
