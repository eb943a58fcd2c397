using System.Text;
using System.Xml;

namespace Harness.Reports;

internal static class XmlText
{
    private static readonly UTF8Encoding _encoding = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>A document in UTF-8 with LF line ends.</summary>
    public static string Render(Action<XmlWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = XmlWriter.Create(stream, new() { Encoding = _encoding, Indent = true, NewLineChars = "\n" }))
        {
            write(writer);
        }

        return _encoding.GetString(stream.ToArray()) + "\n";
    }
}
