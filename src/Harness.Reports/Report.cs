using Harness.Records;

namespace Harness.Reports;

/// <summary>
/// Reports of runs: pure functions of their records. Texts have LF line ends and hold neither escape codes nor a host time; what guests and
/// scripts wrote is escaped.
/// </summary>
public static class Report
{
    /// <summary>The table of a run: a line for each scenario, then what went wrong, then the totals.</summary>
    public static string Summary(IReadOnlyList<RunRecord> records, ConsoleStyle style) => ConsoleReport.Summary(records, style);

    /// <summary>Traps against exits as tables for a console.</summary>
    public static string Events(IReadOnlyList<RunRecord> records, ConsoleStyle style) => ConsoleReport.Events(records, style);

    /// <summary>Totals and traps against exits in GitHub's Markdown, as a job summary takes it; a virtualization matrix and classifications at its end.</summary>
    public static string Markdown(IReadOnlyList<RunRecord> records, IReadOnlyList<MatrixRecord> matrix, IReadOnlyList<ClassificationRecord> classifications) =>
        MarkdownReport.Render(records, matrix, classifications);

    /// <summary>The virtualization matrix as text: a table for each group of forms, or with <paramref name="byFamily"/> a line for each family.</summary>
    public static string Matrix(IReadOnlyList<MatrixRecord> rows, bool byFamily) => MatrixReport.Console(rows, byFamily);

    /// <summary>The same in GitHub's Markdown.</summary>
    public static string MatrixMarkdown(IReadOnlyList<MatrixRecord> rows, bool byFamily) => MatrixReport.Markdown(rows, byFamily);

    /// <summary>One HTML page with charts and timelines; it loads nothing and runs no script. A virtualization matrix and classifications come at its end.</summary>
    public static string Html(IReadOnlyList<RunRecord> records, IReadOnlyList<MatrixRecord> matrix, IReadOnlyList<ClassificationRecord> classifications) =>
        HtmlReport.Render(records, matrix, classifications);

    /// <summary>Traps against exits as one JSON object of schema "harness-report/1".</summary>
    public static string Json(IReadOnlyList<RunRecord> records) => JsonReport.Render(records);

    /// <summary>JUnit XML: a suite for each topic, a case for each run and verdict. Times only where <paramref name="timings"/> has them.</summary>
    public static string JUnit(IReadOnlyList<RunRecord> records, IReadOnlyList<TimingRecord> timings) => JUnitReport.Render(records, timings);

    /// <summary>Visual Studio's test results. Times only where <paramref name="timings"/> has them.</summary>
    public static string Trx(IReadOnlyList<RunRecord> records, IReadOnlyList<TimingRecord> timings) => TrxReport.Render(records, timings);

    /// <summary>The Test Anything Protocol, version 14.</summary>
    public static string Tap(IReadOnlyList<RunRecord> records) => TapReport.Render(records);

    /// <summary>A classification as tables for a console.</summary>
    public static string Classification(ClassificationRecord record, ConsoleStyle style) => ClassificationReport.Console(ClassificationSections.Of(record, offenders: false), style);

    /// <summary>Some theorems of a classification, with the forms that violate their conditions, for a console.</summary>
    /// <param name="record">Of all forms.</param>
    /// <param name="theorems">Among 1, 2 and 3.</param>
    /// <param name="style">How to write.</param>
    public static string Theorems(ClassificationRecord record, IReadOnlyList<int> theorems, ConsoleStyle style) =>
        ClassificationReport.Console(ClassificationSections.OfTheorems(record, theorems), style);

    /// <summary>A classification in GitHub's Markdown.</summary>
    public static string ClassificationMarkdown(ClassificationRecord record) => ClassificationReport.Markdown(record);

    /// <summary>A classification as one HTML page, the sets drawn; it loads nothing and runs no script.</summary>
    public static string ClassificationHtml(ClassificationRecord record) => ClassificationReport.Html(record);

    /// <summary>The record of a classification as JSON.</summary>
    public static string ClassificationJson(ClassificationRecord record) => JsonReport.Render(record);

    /// <summary>A scenario script that replays every witness of a classification and says in comments what it shows.</summary>
    public static string Witnesses(ClassificationRecord record) => WitnessScript.Render(record);
}
