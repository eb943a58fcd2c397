using System.CommandLine;
using Harness.Cli.Output;
using Harness.Records;
using Harness.Reports;

namespace Harness.Cli.Commands;

/// <summary><c>report</c>: turns records into documents.</summary>
internal sealed class ReportCommand
{
    private static readonly (string Name, string File, Func<Source, string> Render)[] Documents =
    [
        ("html", "report.html", s => Report.Html(s.Records, s.Matrix, s.Classifications)),
        ("markdown", "report.md", s => Report.Markdown(s.Records, s.Matrix, s.Classifications)),
        ("json", "report.json", s => Report.Json(s.Records)),
        ("junit", "junit.xml", s => Report.JUnit(s.Records, s.Timings)),
        ("trx", "results.trx", s => Report.Trx(s.Records, s.Timings)),
    ];

    private readonly CommandEnvironment _environment;
    private readonly Argument<string[]> _records = PathOptions.Checked(new Argument<string[]>("RECORDS")
    {
        Description = "Files of run records; - is standard input",
        Arity = ArgumentArity.OneOrMore,
    });

    private readonly Option<string?> _out = PathOptions.One("--out", "Folder for the documents; without it the tables are printed", "DIR");
    private readonly Option<string?> _timings = PathOptions.One("--timings", "Host times that `run --timings` wrote");
    private readonly Option<string?> _matrix = PathOptions.One("--matrix", "Rows that `matrix --format json` wrote: a part of the HTML and Markdown documents");
    private readonly Option<string[]> _classification = PathOptions.Many(
        "--classification", "What `classify --format json` wrote: a part of the HTML and Markdown documents, its sets drawn; repeatable");

    private readonly Option<string[]> _format = new("--format")
    {
        Description = "Only these documents, separated by commas (default: all)",
        HelpName = string.Join(',', Documents.Select(d => d.Name)),
    };

    private ReportCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        command.Arguments.Add(_records);
        foreach (var option in (Option[])[_out, _format, _timings, _matrix, _classification])
        {
            command.Options.Add(option);
        }
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("report", "Writes records as HTML, Markdown, JSON, JUnit and TRX");
        command.SetAction(new ReportCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var names = (parsed.GetValue(_format) ?? []).SelectMany(f => f.Split(',', StringSplitOptions.TrimEntries)).ToList();
        if (names.Find(n => !Documents.Any(d => d.Name == n)) is { } unknown)
        {
            throw new CommandException(ExitCode.Usage, $"--format: expected {_format.HelpName}; found '{unknown}'");
        }

        if (parsed.GetValue(_out) is null && ((Option[])[_format, _timings, _matrix, _classification]).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } option)
        {
            throw new CommandException(ExitCode.Usage, $"{option.Name} is about documents: give --out, or leave it out");
        }

        var records = parsed.GetValue(_records)!.SelectMany(file => Input(() =>
            file == "-" ? RecordReader.Read(_environment.Input, "standard input") : RecordReader.Read(_environment.FullPath(file)))).ToList();
        var timings = parsed.GetValue(_timings) is { } timed ? Input(() => RecordReader.ReadTimings(_environment.FullPath(timed))) : [];
        var matrix = parsed.GetValue(_matrix) is { } rows ? Input(() => RecordReader.ReadMatrix(_environment.FullPath(rows))) : [];
        var classifications = (parsed.GetValue(_classification) ?? []).SelectMany(file =>
            Input<ClassificationRecord>(() => [RecordReader.ReadClassification(_environment.FullPath(file))])).ToList();
        if (records.Count == 0)
        {
            throw new CommandException(ExitCode.NothingMatched, "no record in the files given");
        }

        if (parsed.GetValue(_out) is not { } given)
        {
            var style = ConsoleStyle.For(_environment.IsTerminal, _environment.Variable("NO_COLOR"), _environment.Width);
            _environment.Out.Write(Report.Summary(records, style));
            _environment.Out.Write(Report.Events(records, style));
            return ExitCode.Success;
        }

        var folder = _environment.FullPath(given);
        if (File.Exists(folder))
        {
            throw new CommandException(ExitCode.Usage, $"--out: expected a folder, found a file: {given}");
        }

        var documents = Documents.Where(d => names.Count == 0 || names.Contains(d.Name)).ToList();
        CheckFiles(parsed, documents.Select(d => Path.Combine(given, d.File)));
        foreach (var document in documents)
        {
            var path = Path.Combine(folder, document.File);
            WholeFile.Write(_out.Name, Path.Combine(given, document.File), path, document.Render(new Source(records, timings, matrix, classifications)));
            _environment.Out.WriteLine(Path.GetRelativePath(_environment.WorkingFolder, path).Replace(Path.DirectorySeparatorChar, '/'));
        }

        return ExitCode.Success;
    }

    private void CheckFiles(ParseResult parsed, IEnumerable<string> documents)
    {
        var roles = new FileRoles(_environment);
        foreach (var (option, files) in ((string, string?[])[])[
            (_records.Name, parsed.GetValue(_records)!), (_timings.Name, [parsed.GetValue(_timings)]), (_matrix.Name, [parsed.GetValue(_matrix)]),
            (_classification.Name, parsed.GetValue(_classification) ?? [])])
        {
            Array.ForEach(files, file => roles.ReadsBy(option, file));
        }

        foreach (var document in documents)
        {
            roles.Writes(_out.Name, document);
        }
    }

    private sealed record Source(
        IReadOnlyList<RunRecord> Records, IReadOnlyList<TimingRecord> Timings, IReadOnlyList<MatrixRecord> Matrix, IReadOnlyList<ClassificationRecord> Classifications);

    // What cannot be read or understood is an input at fault, not an environment.
    private static IReadOnlyList<T> Input<T>(Func<IReadOnlyList<T>> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is RecordFormatException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Usage, e.Message);
        }
    }
}
