using System.Diagnostics;
using FluentAssertions;
using NUnit.Framework;

namespace Harness.Tests.Scenarios;

/// <summary>The installed NASM; without it a test that asks for it is ignored.</summary>
internal static class Nasm
{
    private const string Path = "/usr/bin/nasm";

    /// <summary>The flat binary and the listing of a program.</summary>
    public static (byte[] Binary, string Listing) Assemble(string source)
    {
        if (!File.Exists(Path))
        {
            Assert.Ignore($"{Path} is not installed.");
        }

        string directory = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string input = System.IO.Path.Combine(directory, "test.asm");
            string output = System.IO.Path.Combine(directory, "test.bin");
            string listing = System.IO.Path.Combine(directory, "test.lst");
            File.WriteAllText(input, source);
            using Process nasm = Process.Start(new ProcessStartInfo(Path, ["-f", "bin", "-o", output, "-l", listing, input]) { RedirectStandardError = true })!;
            string errors = nasm.StandardError.ReadToEnd();
            nasm.WaitForExit();
            nasm.ExitCode.Should().Be(0, errors);
            return (File.ReadAllBytes(output), File.ReadAllText(listing));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
