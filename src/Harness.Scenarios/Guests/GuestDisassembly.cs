using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>The code of a guest as text, for snapshots.</summary>
public static class GuestDisassembly
{
    private const int BytesColumns = 24;
    private const int TextColumns = 36;

    /// <summary>
    /// A line for each instruction: linear address, bytes, Intel syntax, the marks that cover it. An empty line separates ranges. Same image, same lines.
    /// </summary>
    public static IReadOnlyList<string> Lines(GuestImage image)
    {
        List<string> lines = [];
        foreach (GuestCode code in image.Code)
        {
            if (lines.Count != 0)
            {
                lines.Add("");
            }

            AddRange(image, code, lines);
        }

        return lines;
    }

    private static void AddRange(GuestImage image, GuestCode code, List<string> lines)
    {
        byte[] bytes = Read(image, code);
        var reader = new ByteArrayCodeReader(bytes);
        var decoder = Decoder.Create(code.Bits, reader, code.Linear.Value);
        var format = new InstructionFormat();
        for (int at = 0; reader.CanReadByte; at = reader.Position)
        {
            Instruction instruction = decoder.Decode();
            string hex = Convert.ToHexString(bytes, at, reader.Position - at);
            string line = $"{new LinearAddress(code.Linear.Value + (uint)at)}  {hex.PadRight(BytesColumns)}  {format.Text(instruction)}";
            string marks = string.Join(", ", image.Marks.Where(m => m.Start.Value <= instruction.IP32 && instruction.IP32 < m.End.Value).Select(m => m.Name));
            lines.Add(marks.Length == 0 ? line : $"{line.PadRight(10 + BytesColumns + TextColumns)}; {marks}");
        }
    }

    private static byte[] Read(GuestImage image, GuestCode code)
    {
        var bytes = new byte[code.Length];
        foreach (GuestBytes part in image.Contents)
        {
            long offset = (long)code.Physical.Value - (long)part.Address.Value;
            if (offset >= 0 && offset + code.Length <= part.Bytes.Length)
            {
                part.Bytes.Span.Slice((int)offset, code.Length).CopyTo(bytes);
            }
        }

        return bytes;
    }
}
