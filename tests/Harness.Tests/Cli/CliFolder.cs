using System.Diagnostics;
using System.Text;
using Harness.Cli;

namespace Harness.Tests.Cli;

/// <summary>A folder with scripts in which the command line runs inside the test's process.</summary>
internal sealed class CliFolder : IDisposable
{
    private const string Prelude = """
        #r "Harness.Scenarios"
        #r "Harness.Records"
        #r "FluentAssertions"
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using FluentAssertions;
        global using Harness.Records;
        global using Harness.Scenarios;
        global using static Harness.Scenarios.ScenarioApi;
        """;

    public CliFolder()
    {
        Path = Directory.CreateTempSubdirectory("harness-cli-").FullName;
        Variables["HARNESS_CACHE"] = File("cache");
        Write("scenarios/prelude.csx", Prelude);
    }

    public string Path { get; }

    public Dictionary<string, string> Variables { get; } = [];

    public CancellationTokenSource Cancellation { get; } = new();

    /// <summary>Sees what is written to standard error.</summary>
    public Action<string> OnError { get; set; } = _ => { };

    public bool IsTerminal { get; set; }

    public Catalog Catalog { get; set; } = Catalog.BuiltIn;

    public string File(string path) => System.IO.Path.Combine(Path, path);

    public void Write(string path, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(path))!);
        System.IO.File.WriteAllText(File(path), text);
    }

    /// <summary>Writes scenarios/t/NAME.csx, which loads the prelude in its first line.</summary>
    public void Script(string name, string text) => Write($"scenarios/t/{name}.csx", "#load \"../prelude.csx\"\n" + text);

    public (int Code, string Out, string Error) Run(params string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new WatchedStream(text => OnError(text));
        using var environment = new CommandEnvironment(output, error, Path)
        {
            Variable = name => Variables.GetValueOrDefault(name),
            IsTerminal = IsTerminal,
            Catalog = Catalog,
            Cancellation = Cancellation.Token,
        };
        var code = CommandLine.Run(arguments, environment);
        return (code, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }

    /// <summary>Runs the executable itself, for what concerns the whole process.</summary>
    public (int Code, string Out, string Error) Process(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [System.IO.Path.Combine(AppContext.BaseDirectory, "harness.dll"), .. arguments])
        {
            WorkingDirectory = Path,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["HARNESS_CACHE"] = File("cache"), ["DOTNET_DbgEnableMiniDump"] = "0" },
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, error);
    }

    public void Dispose()
    {
        Cancellation.Dispose();
        Directory.Delete(Path, recursive: true);
    }

    private sealed class WatchedStream(Action<string> seen) : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count)
        {
            base.Write(buffer, offset, count);
            seen(Encoding.UTF8.GetString(buffer, offset, count));
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer);
            seen(Encoding.UTF8.GetString(buffer));
        }
    }
}
