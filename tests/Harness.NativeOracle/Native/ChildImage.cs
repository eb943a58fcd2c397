using System.Buffers.Binary;

namespace Harness.NativeOracle.Native;

/// <summary>The traced child: a static x86-64 ELF program that holds the world's pages, a few instructions to drive it, and a signal stack.</summary>
internal static class ChildImage
{
    /// <summary>Where the child waits: a jump to itself.</summary>
    public const ulong Stub = 0x60000000;

    /// <summary>A SYSCALL instruction.</summary>
    public const ulong SystemCall = Stub + 0x10;

    /// <summary>Where the kernel enters the child's signal handler.</summary>
    public const ulong Handler = Stub + 0x20;

    /// <summary>The return trampoline that sigaction wants; it is never reached.</summary>
    public const ulong Restorer = Stub + 0x30;

    /// <summary>Scratch memory for system call arguments, followed by the signal stack.</summary>
    public const ulong Scratch = 0x61000000;

    /// <summary>Start of the signal stack.</summary>
    public const ulong SignalStack = Scratch + 0x1000;

    /// <summary>Size of the signal stack: the kernel's frame with the largest known extended state fits four times.</summary>
    public const ulong SignalStackSize = 0xF000;

    private const int PageSize = 0x1000;
    private const int ProgramHeaderSize = 56;
    private const int ElfHeaderSize = 64;

    [Flags]
    private enum SegmentFlags : uint
    {
        Execute = 1,
        Write = 2,
        Read = 4,
    }

    /// <summary>The bytes of the program file.</summary>
    public static byte[] Build()
    {
        var segments = new List<(ulong Address, byte[] Content, ulong Size, SegmentFlags Flags)>();
        foreach (Region region in World.Regions)
        {
            SegmentFlags flags = region.Permission switch
            {
                PagePermission.Code => SegmentFlags.Read | SegmentFlags.Write | SegmentFlags.Execute,
                PagePermission.ReadWrite => SegmentFlags.Read | SegmentFlags.Write,
                _ => SegmentFlags.Read,
            };
            segments.Add((region.Address, World.Content(region), region.Size, flags));
        }

        segments.Add((Stub, StubCode(), PageSize, SegmentFlags.Read | SegmentFlags.Execute));
        segments.Add((Scratch, new byte[PageSize], 0x10000, SegmentFlags.Read | SegmentFlags.Write));

        int fileSize = PageSize + segments.Sum(s => s.Content.Length);
        byte[] file = new byte[fileSize];
        WriteElfHeader(file, segments.Count);
        int position = PageSize;
        for (int i = 0; i < segments.Count; i++)
        {
            (ulong address, byte[] content, ulong size, SegmentFlags flags) = segments[i];
            Span<byte> header = file.AsSpan(ElfHeaderSize + i * ProgramHeaderSize);
            BinaryPrimitives.WriteUInt32LittleEndian(header, 1);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)flags);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)position);
            BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
            BinaryPrimitives.WriteUInt64LittleEndian(header[24..], address);
            BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)content.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(header[40..], size);
            BinaryPrimitives.WriteUInt64LittleEndian(header[48..], PageSize);
            content.CopyTo(file, position);
            position += content.Length;
        }

        return file;
    }

    private static byte[] StubCode()
    {
        byte[] code = new byte[PageSize];
        Array.Fill(code, (byte)0xCC);
        byte[] jumpToSelf = [0xEB, 0xFE];
        byte[] systemCall = [0x0F, 0x05];
        jumpToSelf.CopyTo(code, 0);
        systemCall.CopyTo(code, (int)(SystemCall - Stub));
        jumpToSelf.CopyTo(code, (int)(Handler - Stub));
        jumpToSelf.CopyTo(code, (int)(Restorer - Stub));
        return code;
    }

    private static void WriteElfHeader(Span<byte> file, int segments)
    {
        ReadOnlySpan<byte> identification = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identification.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(file[18..], 62);
        BinaryPrimitives.WriteUInt32LittleEndian(file[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file[24..], Stub);
        BinaryPrimitives.WriteUInt64LittleEndian(file[32..], ElfHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file[52..], ElfHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file[54..], ProgramHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file[56..], (ushort)segments);
        BinaryPrimitives.WriteUInt16LittleEndian(file[58..], 64);
    }
}
