using System.Globalization;
using BenchmarkDotNet.Running;
using Harness.Benchmarks;

switch (args)
{
    case ["image", string image, string bios]:
        return Peers.Boot(image, bios);
    case ["peers", .. string[] rest]:
        int pairs = 3;
        double seconds = 1;
        string firmware = "/usr/share/seabios/bios.bin";
        string bochsRoms = "/usr/share";
        var kernels = new List<string>();
        for (int i = 0; i < rest.Length; i++)
        {
            bool more = i + 1 < rest.Length;
            if (rest[i] == "--pairs" && more && int.TryParse(rest[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out pairs) && pairs > 0)
            {
                i++;
            }
            else if (rest[i] == "--seconds" && more && double.TryParse(rest[i + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out seconds) && seconds > 0)
            {
                i++;
            }
            else if (rest[i] == "--bios" && more)
            {
                firmware = rest[++i];
            }
            else if (rest[i] == "--bochs-roms" && more)
            {
                bochsRoms = rest[++i];
            }
            else if (Kernel.All.Any(k => k.Name == rest[i]))
            {
                kernels.Add(rest[i]);
            }
            else
            {
                Console.Error.WriteLine($"unexpected '{rest[i]}'; usage: peers [--pairs N] [--seconds S] [--bios FILE] [--bochs-roms DIR] [{string.Join('|', Kernel.All.Select(k => k.Name))}]...");
                return 2;
            }
        }

        return Peers.Run(pairs, seconds, firmware, bochsRoms, kernels);
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Kernel).Assembly).Run(args);
        return 0;
}
