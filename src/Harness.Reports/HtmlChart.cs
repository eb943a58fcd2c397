using System.Globalization;
using System.Text;

namespace Harness.Reports;

/// <summary>Cycles of the events of each run as a stacked bar, one colour for each cause.</summary>
internal static class HtmlChart
{
    private const int LabelWidth = 220;
    private const int BarWidth = 640;
    private const int BarHeight = 18;
    private const int Step = 24;

    // Distinct for readers who tell few colours apart (Okabe and Ito 2008).
    private static readonly string[] _colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#999999"];

    public static void Append(StringBuilder html, ScenarioReport scenario)
    {
        var longest = scenario.Columns.Select(column => column.EventCycles).Max();
        if (longest == 0)
        {
            return;
        }

        var height = Step * (scenario.Columns.Count + scenario.Rows.Count);
        html.Append(
            CultureInfo.InvariantCulture,
            $"<svg role=\"img\" aria-label=\"Cycles of events\" width=\"{LabelWidth + BarWidth}\" height=\"{height}\" xmlns=\"http://www.w3.org/2000/svg\">\n");
        for (var i = 0; i < scenario.Columns.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"0\" y=\"{(i * Step) + 14}\">{HtmlReport.Encode(scenario.Columns[i].Name)}</text>\n");
            Int128 before = 0;
            for (var row = 0; row < scenario.Rows.Count; row++)
            {
                var cell = scenario.Rows[row].Cells[i];
                var left = before * BarWidth / longest;
                before += cell.Cycles;
                var right = before * BarWidth / longest;
                if (right > left)
                {
                    Bar(html, LabelWidth + left, i * Step, right - left, row, $"{scenario.Rows[row].Kind} {scenario.Rows[row].Cause}: {cell.Text}");
                }
            }
        }

        for (var row = 0; row < scenario.Rows.Count; row++)
        {
            var y = (scenario.Columns.Count + row) * Step;
            var name = $"{scenario.Rows[row].Kind} {scenario.Rows[row].Cause}";
            Bar(html, LabelWidth, y, BarHeight, row, name);
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth + Step}\" y=\"{y + 14}\">{HtmlReport.Encode(name)}</text>\n");
        }

        html.Append("</svg>\n");
    }

    private static void Bar(StringBuilder html, Int128 x, int y, Int128 width, int row, string title) => html.Append(
        CultureInfo.InvariantCulture,
        $"<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BarHeight}\" fill=\"{_colours[row % _colours.Length]}\">"
        + $"<title>{HtmlReport.Encode(title)}</title></rect>\n");
}
