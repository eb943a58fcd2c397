using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Harness.Machine;
using Harness.Machine.Devices;

namespace Harness.Benchmarks;

/// <summary>
/// Guest speed beside Debian's Bochs, in one run, on the same images: processor time (user and system, of the whole process) as the slope between a small and
/// a large number of passes, so that start-up cancels; the median of several pairs.
/// </summary>
internal static partial class Peers
{
    private const uint Small = 2;
    private const ushort DebugPort = 0xE9;
    private const ushort ExitPort = 0xF4;

    /// <summary>Ticks of a run that must have ended long before.</summary>
    private const long Endless = 1L << 40;

    private const string BochsConfiguration = """
        megs: 32
        romimage: file=BIOS
        vgaromimage: file=VIDEO
        ata0-master: type=disk, path="IMAGE", mode=flat, cylinders=20, heads=16, spt=63
        boot: disk
        log: /dev/null
        panic: action=fatal
        cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0
        port_e9_hack: enabled=1
        clock: sync=none, time0=local
        display_library: term
        speaker: enabled=0

        """;

    /// <summary>Measures and prints the table. 0: done; 1: a peer gave a wrong answer or is missing.</summary>
    public static int Run(int pairs, double seconds, string bios, string bochsRoms, IReadOnlyList<string> names)
    {
        string[] needed = ["/usr/bin/bochs", bios, BochsBios(bochsRoms), BochsVideo(bochsRoms)];
        foreach (string file in needed)
        {
            if (!File.Exists(file))
            {
                Console.Error.WriteLine($"expected {file}, which is not there: install the Debian packages bochs, bochs-term, bochsbios, vgabios, seabios, nasm, bsdutils, or name its folder");
                return 1;
            }
        }

        string folder = Directory.CreateTempSubdirectory("harness-benchmarks").FullName;
        try
        {
            Console.WriteLine("kernel        bochs MIPS  harness MIPS  ratio  (median; least to greatest)");
            foreach (Kernel kernel in Kernel.All.Where(k => names.Count == 0 || names.Contains(k.Name)))
            {
                long ticks = TicksOfPass(kernel, folder, bios);
                double[] bochs = Measure(kernel, ticks, pairs, seconds, folder, image => Bochs(folder, bochsRoms, image));
                double[] harness = Measure(kernel, ticks, pairs, seconds, folder, image => ["dotnet", Path.ChangeExtension(Environment.GetCommandLineArgs()[0], ".dll"), "image", image, bios]);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{kernel.Name,-12} {Median(bochs),11:F2}   {Median(harness),11:F2}  {Median(harness) / Median(bochs),5:F2}  (bochs {bochs[0]:F1} to {bochs[^1]:F1}, harness {harness[0]:F1} to {harness[^1]:F1})"));
            }

            return 0;
        }
        catch (InvalidOperationException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Boots an image and prints what it writes to the debug port: the entry that is measured.</summary>
    public static int Boot(string image, string bios)
    {
        (string answer, _) = Execute(image, bios);
        Console.Write(answer);
        return 0;
    }

    private static (string Answer, long Ticks) Execute(string image, string bios)
    {
        var model = ProcessorModel.Load("yonah");
        using var disk = DiskImage.Open(image);
        using var computer = new Computer(model, new PlatformOptions
        {
            RamBytes = 32 << 20,
            TicksPerSecond = (ulong)model.TicksPerSecond,
            BiosImage = File.ReadAllBytes(bios),
            Disks = [disk],
            DebugPorts = [DebugPort],
            ExitPort = ExitPort,
        });
        computer.Run(Endless);
        return (System.Text.Encoding.ASCII.GetString(computer.Platform.DebugOutput(DebugPort).Bytes), computer.Processor.Ticks - computer.Processor.HaltedTicks);
    }

    private static long TicksOfPass(Kernel kernel, string folder, string bios) =>
        Execute(kernel.Build(folder, Small + 1), bios).Ticks - Execute(kernel.Build(folder, Small), bios).Ticks;

    private static string BochsBios(string roms) => Path.Combine(roms, "bochs/BIOS-bochs-legacy");

    private static string BochsVideo(string roms) => Path.Combine(roms, "vgabios/vgabios.bin");

    private static string[] Bochs(string folder, string roms, string image)
    {
        string configuration = Path.Combine(folder, "bochsrc");
        File.WriteAllText(configuration, BochsConfiguration.Replace("IMAGE", image, StringComparison.Ordinal)
            .Replace("BIOS", BochsBios(roms), StringComparison.Ordinal).Replace("VIDEO", BochsVideo(roms), StringComparison.Ordinal));
        File.WriteAllText(configuration + ".commands", "c\nquit\n");
        return ["env", "TERM=xterm", "script", "-qec", $"/usr/bin/bochs -q -f {configuration} -rc {configuration}.commands", "/dev/null"];
    }

    /// <summary>Millions of guest instructions a second, ascending.</summary>
    private static double[] Measure(Kernel kernel, long ticksOfPass, int pairs, double seconds, string folder, Func<string, string[]> command)
    {
        double Time(uint count)
        {
            string answer = kernel.Answer(count).ToString("X8", CultureInfo.InvariantCulture);
            return ProcessorTime(command(kernel.Build(folder, count)), answer, kernel.Name);
        }

        double least = Time(Small);
        uint count = (uint)Math.Max(Small + 2, 20_000_000 / ticksOfPass);
        double spent;
        while ((spent = Time(count) - least) < seconds / 4)
        {
            count *= 4;
        }

        count = (uint)Math.Max(count, count * seconds / spent);
        var speeds = new double[pairs];
        for (int i = 0; i < pairs; i++)
        {
            double start = Time(Small);
            speeds[i] = (count - Small) * (double)ticksOfPass / (Time(count) - start) / 1e6;
        }

        Array.Sort(speeds);
        return speeds;
    }

    private static double Median(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    private static double ProcessorTime(string[] command, string answer, string name)
    {
        double before = ChildrenTime();
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardInput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Contains(answer, StringComparison.Ordinal)
            ? ChildrenTime() - before
            : throw new InvalidOperationException($"{name}: expected {answer} from '{string.Join(' ', command)}', found '{output[^Math.Min(200, output.Length)..]}'");
    }

    private static unsafe double ChildrenTime()
    {
        const int Children = -1;
        long* usage = stackalloc long[18];
        return ReadUsage(Children, usage) == 0
            ? usage[0] + usage[2] + (usage[1] + usage[3]) / 1e6
            : throw new InvalidOperationException("getrusage failed");
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static unsafe partial int ReadUsage(int who, long* usage);
}
