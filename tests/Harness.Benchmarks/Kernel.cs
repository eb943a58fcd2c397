using System.Diagnostics;
using System.Globalization;

namespace Harness.Benchmarks;

/// <summary>A bootable kernel of this folder, and what it must answer.</summary>
/// <param name="Name">Its file, without extension.</param>
/// <param name="Defines">What boot.asm needs to know.</param>
/// <param name="Answer">EAX at the end for a number of passes, computed here.</param>
public sealed record Kernel(string Name, string[] Defines, Func<uint, uint> Answer)
{
    /// <summary>20 cylinders, 16 heads, 63 sectors: what the disk of a peer is declared as.</summary>
    private const int DiskBytes = 20 * 16 * 63 * 512;

    /// <summary>All kernels, in the order of the table.</summary>
    public static IReadOnlyList<Kernel> All { get; } =
    [
        new("k1_crc", [], _ => Crc()),
        new("k1_sieve", [], _ => Primes()),
        new("k2_memcpy", ["-dPAGING"], _ => unchecked(1 + 262143 * 0x9E3779B9)),
        new("k2_chase", ["-dPAGING"], count => unchecked(count * (16384 * 0x200000u + 64 * (16383u * 16384 / 2)))),
        new("k3_cli", ["-dPAGING", "-dRING3"], _ => 0x600DC11),
        new("k3_int80", ["-dPAGING", "-dRING3"], _ => 0x600D180),
    ];

    /// <summary>Assembles with NASM and returns the path of the disk image.</summary>
    public string Build(string folder, uint count)
    {
        string sources = Path.Combine(AppContext.BaseDirectory, "kernels");
        string image = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Name}.{count}.img"));
        using Process nasm = Process.Start(
            "nasm", ["-f", "bin", $"-i{sources}/", $"-dKERNEL=\"{Name}.asm\"", string.Create(CultureInfo.InvariantCulture, $"-dCOUNT={count}"), .. Defines, "-o", image, Path.Combine(sources, "boot.asm")]);
        nasm.WaitForExit();
        if (nasm.ExitCode != 0)
        {
            throw new InvalidOperationException($"nasm could not assemble {Name}.asm (exit code {nasm.ExitCode})");
        }

        using FileStream stream = File.OpenWrite(image);
        stream.SetLength(DiskBytes);
        return image;
    }

    private static uint Crc()
    {
        uint value = 12345;
        uint crc = uint.MaxValue;
        for (int i = 0; i < 4096; i++)
        {
            value = unchecked(value * 1103515245 + 12345);
            crc ^= (byte)(value >> 16);
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
            }
        }

        return ~crc;
    }

    private static uint Primes() => (uint)Enumerable.Range(2, 65534).Count(n => Enumerable.Range(2, 255).TakeWhile(d => d * d <= n).All(d => n % d != 0));
}
