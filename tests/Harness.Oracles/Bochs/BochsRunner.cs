using System.Diagnostics;
using System.Text;

namespace Harness.Oracles.Bochs;

/// <summary>Runs an image under the distribution's Bochs and returns what it wrote to port E9.</summary>
public static class BochsRunner
{
    /// <summary>The Bochs release whose answers stand in the fixtures.</summary>
    public const string Version = "2.7";

    /// <summary>A Core Duo: IA-32 with PAE, NX, SYSENTER and virtual-8086 mode extensions, without long mode.</summary>
    public const string CpuModel = "core_duo_t2400_yonah";

    // A batch takes a fraction of a second; a case that never arrives anywhere would take forever.
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(20);

    private const string Program = "/usr/bin/bochs";

    /// <summary>Null when Bochs can be run, otherwise why not.</summary>
    public static string? Unavailable() => File.Exists(Program) ? null : $"{Program} is missing: install the packages bochs and bochs-term";

    /// <summary>The console text up to and including END.</summary>
    /// <exception cref="InvalidOperationException">Bochs did not reach END.</exception>
    public static string Run(byte[] rom)
    {
        string folder = Directory.CreateTempSubdirectory("bochs").FullName;
        try
        {
            string image = Path.Combine(folder, "rom.bin"), configuration = Path.Combine(folder, "bochsrc"), script = Path.Combine(folder, "commands");
            string log = Path.Combine(folder, "log");
            string videoRom = Path.Combine(folder, "video.bin");
            File.WriteAllBytes(image, rom);
            File.WriteAllBytes(videoRom, [0x55, 0xAA, 1, .. new byte[509]]);
            File.WriteAllText(script, "c\nq\n");
            File.WriteAllText(configuration, $"""
                megs: 4
                romimage: file={image}, address=0xffff0000
                vgaromimage: file={videoRom}
                display_library: term
                cpu: model={CpuModel}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0
                port_e9_hack: enabled=1
                log: {log}
                panic: action=fatal
                error: action=ignore
                info: action=ignore
                debug: action=ignore

                """);
            var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardError = true };
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add($"exec {Program} -q -f '{configuration}' -rc '{script}' </dev/null");
            start.Environment["TERM"] = "xterm";
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            Task<string> console = new StreamReader(process.StandardOutput.BaseStream, Encoding.Latin1).ReadToEndAsync();
            if (!process.WaitForExit(TimeLimit))
            {
                process.Kill();
                process.WaitForExit();
            }

            errors.Wait();
            return ConsoleOf(console.Result, File.Exists(log) ? File.ReadAllText(log) : errors.Result);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The terminal library and the debugger write around the console text: it is everything from the first answer to END.
    private static string ConsoleOf(string output, string log)
    {
        int start = output.IndexOf("\n0 ", StringComparison.Ordinal) + 1;
        int end = output.IndexOf("\n" + Fixtures.EndLine + "\n", StringComparison.Ordinal);
        return start > 0 && end > start
            ? output[start..(end + Fixtures.EndLine.Length + 2)]
            : throw new InvalidOperationException($"Bochs did not reach {Fixtures.EndLine}. Last output:\n{output[Math.Max(0, output.Length - 2000)..]}\nIts log:\n{log}");
    }
}
