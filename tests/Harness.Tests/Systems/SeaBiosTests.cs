using System.Globalization;
using FluentAssertions;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Tests.Cli;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Systems;

/// <summary>SeaBIOS boots a boot sector under the engines that run a whole PC.</summary>
public sealed class SeaBiosTests
{
    private const string Firmware = "/usr/share/seabios/bios.bin";
    private const long Limit = 300_000_000;

    [SetUp]
    public void NeedFirmware()
    {
        if (!File.Exists(Firmware))
        {
            Assert.Ignore($"{Firmware} is not installed (package seabios)");
        }
    }

    [TestCase("bare")]
    [TestCase("interpret")]
    [TestCase("vtx")]
    public void A_boot_sector_prints_the_same_under(string engine)
    {
        EngineRun run = Boot(engine);

        (run.End, run.ExitCode, run.Console).Should().Be((GuestEnd.Done, BootSector.ExitCode, BootSector.Console), run.StopReason);
    }

    [Test]
    public void At_least_half_of_the_real_mode_instructions_run_in_V86()
    {
        IReadOnlyList<RegimeCounts> regimes = Boot("vtx").Retired.Regimes;

        // What is interpreted for want of a valid state is all counted as real mode: some of it is protected mode on its way in or out.
        RegimeCounts v86 = regimes.Single(r => r.Name == "v86");
        long realMode = v86.Direct + v86.Emulated + regimes.Single(r => r.Name == "invalid-guest-state").Emulated;
        regimes.Select(r => r.Name).Should().Contain("unpaged");
        ((double)v86.Direct / realMode).Should().BeGreaterThanOrEqualTo(0.5);
    }

    [TestCase("bare")]
    [TestCase("interpret")]
    [TestCase("vtx")]
    public void The_command_boots_the_same_disk_under(string engine)
    {
        using var folder = new CliFolder();
        File.WriteAllBytes(folder.File("disk.img"), BootSector.Disk());

        var boot = folder.Run("boot", "--engine", engine, "--bios", Firmware, "--disk", "disk.img", "--memory", "16", "--serial", "-", "--exit-port", "0xF4");

        (boot.Code, boot.Out).Should().Be((BootSector.ExitCode, BootSector.Console), boot.Error);
        boot.Error.Contains("harness: regimes: ", StringComparison.Ordinal).Should().Be(engine == "vtx");
    }

    private static EngineRun Boot(string engine)
    {
        byte[] disk = BootSector.Disk();
        EngineRun run = GuestRunner.Run(new RunRequest
        {
            Engine = EngineRegistry.Find(engine)!,
            Model = ModelRegistry.Load("yonah"),
            Guest = new GuestImage { Name = "seabios", MemoryBytes = 16 << 20, Contents = [], Entry = new GuestEntry { Mode = EntryMode.Reset } },
            Costs = CostProfile.Load("pentium4-2005"),
            MaxInstructions = Limit,
            RecordEffects = false,
            Devices = new GuestDevices { BiosImage = File.ReadAllBytes(Firmware), Disks = [() => DiskImage.FromBytes(disk)] },
        });
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{engine}: {run.End} at tick {run.Ticks} ({run.HaltedTicks} halted)"));
        foreach (RegimeCounts regime in run.Retired.Regimes)
        {
            TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{regime.Name}: {regime.Direct} direct, {regime.Emulated} emulated"));
        }

        return run;
    }
}
