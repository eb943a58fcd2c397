using System.Globalization;
using System.Text;
using Harness.Records;

namespace Harness.Reports;

/// <summary>Sizes of the sets of Popek and Goldberg's theorems, region by region. No form is privileged and user-sensitive: such a state of user mode traps.</summary>
/// <param name="OnlyPrivileged">Privileged, not sensitive.</param>
/// <param name="Both">Privileged and sensitive.</param>
/// <param name="OtherSensitive">Sensitive, neither privileged nor user-sensitive.</param>
/// <param name="UserSensitive">User-sensitive.</param>
/// <param name="Innocuous">The rest of what was seen.</param>
internal sealed record FormSets(int OnlyPrivileged, int Both, int OtherSensitive, int UserSensitive, int Innocuous)
{
    /// <summary>Forms that are neither undecided nor absent.</summary>
    public int Seen => OnlyPrivileged + Both + OtherSensitive + UserSensitive + Innocuous;

    /// <summary>The sets of one configuration's verdicts.</summary>
    public static FormSets Of(IEnumerable<ClassVerdict> verdicts)
    {
        ClassVerdict[] seen = [.. verdicts.Where(v => v.Class is not ("undecided" or "absent"))];
        return new FormSets(
            seen.Count(v => v is { Privileged: true, Sensitive: false }),
            seen.Count(v => v is { Privileged: true, Sensitive: true }),
            seen.Count(v => v is { Privileged: false, Sensitive: true, UserSensitive: false }),
            seen.Count(v => v is { Privileged: false, UserSensitive: true }),
            seen.Count(v => v is { Privileged: false, Sensitive: false }));
    }

    /// <summary>Drawn with letters, a line each.</summary>
    public IReadOnlyList<string> Lines()
    {
        char[][] canvas = [.. Enumerable.Range(0, 13).Select(_ => new string(' ', 72).ToCharArray())];
        Box(canvas, 0, 0, 72, 13, $"forms seen {Seen}");
        Box(canvas, 4, 2, 34, 7, $"privileged {OnlyPrivileged + Both}");
        Box(canvas, 18, 4, 50, 7, $"sensitive {Both + OtherSensitive + UserSensitive}");
        Box(canvas, 42, 6, 23, 3, $"user-sensitive");
        Put(canvas, 9, 6, $"{OnlyPrivileged}");
        Put(canvas, 26, 6, $"{Both}");
        Put(canvas, 52, 5, $"{OtherSensitive}");
        Put(canvas, 52, 7, $"{UserSensitive}");
        Put(canvas, 4, 11, $"innocuous {Innocuous}");
        return [.. canvas.Select(line => new string(line))];
    }

    /// <summary>Drawn as SVG.</summary>
    public string Svg(string label)
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg role=\"img\" aria-label=\"{HtmlReport.Encode(label)}\" width=\"560\" height=\"290\" xmlns=\"http://www.w3.org/2000/svg\">\n");
        svg.Append("<rect x=\"1\" y=\"1\" width=\"558\" height=\"288\" fill=\"none\" stroke=\"currentColor\"/>\n");
        Ellipse(svg, 185, 150, 150, 95, "#0072b2");
        Ellipse(svg, 345, 150, 185, 110, "#e69f00");
        Ellipse(svg, 430, 165, 75, 50, "#d55e00");
        Write(svg, 12, 20, $"{label}: {Seen} forms seen");
        Write(svg, 60, 50, $"privileged {OnlyPrivileged + Both}");
        Write(svg, 400, 42, $"sensitive {Both + OtherSensitive + UserSensitive}");
        Write(svg, 90, 155, $"{OnlyPrivileged}");
        Write(svg, 245, 155, $"{Both}");
        Write(svg, 375, 95, $"{OtherSensitive}");
        Write(svg, 384, 160, $"user-sensitive");
        Write(svg, 415, 180, $"{UserSensitive}");
        Write(svg, 12, 278, $"innocuous {Innocuous}");
        return svg.Append("</svg>\n").ToString();
    }

    private static void Ellipse(StringBuilder svg, int x, int y, int width, int height, string colour) => svg.Append(
        CultureInfo.InvariantCulture,
        $"<ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{width}\" ry=\"{height}\" fill=\"{colour}\" fill-opacity=\".2\" stroke=\"{colour}\"/>\n");

    private static void Write(StringBuilder svg, int x, int y, FormattableString text) => svg.Append(
        CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y}\">{HtmlReport.Encode(FormattableString.Invariant(text))}</text>\n");

    /// <summary>The frame goes around what lies inside and over what crosses it.</summary>
    private static void Box(char[][] canvas, int x, int y, int width, int height, FormattableString title)
    {
        for (int row = y; row < y + height; row++)
        {
            bool isEdge = row == y || row == y + height - 1;
            canvas[row][x] = canvas[row][x + width - 1] = isEdge ? '+' : '|';
            if (isEdge)
            {
                Array.Fill(canvas[row], '-', x + 1, width - 2);
            }
        }

        Put(canvas, x + 3, y, $" {FormattableString.Invariant(title)} ");
    }

    private static void Put(char[][] canvas, int x, int y, FormattableString text) => FormattableString.Invariant(text).CopyTo(0, canvas[y], x, FormattableString.Invariant(text).Length);
}
