using System.Buffers.Binary;
using System.Text;

namespace Harness.Oracles.Bochs;

/// <summary>Builds the 64 KiB image of a batch: the reporter and the cases, each as its difference from the batch's base memory.</summary>
public static class RomBuilder
{
    private static readonly string[] Names =
    [
        "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "es", "cs", "ss", "ds", "fs", "gs", "efl", "cr0", "cr2", "cr3", "cr4",
        "dr0", "dr1", "dr2", "dr3", "dr6", "dr7", "ldt", "tr", "gdtl", "gdtb", "idtl", "idtb",
    ];

    /// <summary>The image, or null when the cases do not fit.</summary>
    public static byte[]? TryBuild(GuestImage baseImage, IReadOnlyList<GuestImage> cases)
    {
        var stream = new List<byte>();
        AppendDifference(stream, new byte[Layout.ImageSize], baseImage.Memory);
        foreach (GuestImage one in cases)
        {
            AppendDifference(stream, baseImage.Memory, one.Memory);
        }

        if (Layout.CaseStream + stream.Count > Layout.CaseStreamEnd)
        {
            return null;
        }

        byte[] rom = new byte[Layout.RomSize];
        BinaryPrimitives.WriteInt32LittleEndian(rom, cases.Count);
        stream.CopyTo(rom, Layout.CaseStream);
        for (int i = 0; i < Names.Length; i++)
        {
            Encoding.ASCII.GetBytes(Names[i], rom.AsSpan(Layout.NameTable + i * 4));
        }

        GuestImage.ReporterDescriptors().CopyTo(rom, Layout.ReporterGdt);
        BinaryPrimitives.WriteInt16LittleEndian(rom.AsSpan(Layout.ReporterGdtPointer), 0x2F);
        BinaryPrimitives.WriteInt32LittleEndian(rom.AsSpan(Layout.ReporterGdtPointer + 2), Layout.Rom + Layout.ReporterGdt);
        Reporter.Emit(rom, Names.Length);
        return rom;
    }

    // Runs of {address 16, length 8, bytes}, ended by length 0. A gap of up to two equal bytes is cheaper inside a run than a new header.
    private static void AppendDifference(List<byte> stream, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        int at = 0;
        while (at < to.Length)
        {
            if (from[at] == to[at])
            {
                at++;
                continue;
            }

            int end = at + 1;
            for (int next = end; next < to.Length && next - end <= 2 && next - at < 255; next++)
            {
                if (from[next] != to[next])
                {
                    end = next + 1;
                }
            }

            stream.AddRange([(byte)at, (byte)(at >> 8), (byte)(end - at)]);
            stream.AddRange(to[at..end]);
            at = end;
        }

        stream.AddRange([0, 0, 0]);
    }
}
