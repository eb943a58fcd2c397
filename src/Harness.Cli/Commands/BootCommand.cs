using System.CommandLine;
using System.Globalization;
using Harness.Cli.Output;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Vmm;

namespace Harness.Cli.Commands;

/// <summary><c>boot</c>: runs a real image under one engine, at full speed.</summary>
internal sealed class BootCommand
{
    private const int MaximumMemory = 2048;
    private const int MaximumBios = 1 << 20;
    private const int BiosUnit = 64 << 10;
    private const ushort SerialPort = 0x3F8;

    private readonly CommandEnvironment _environment;
    private readonly Option<string?> _bios = PathOptions.One("--bios", "Firmware, a multiple of 64 KiB up to 1 MiB");
    private readonly Option<string[]> _disk = PathOptions.Many("--disk", "Image of an IDE disk, never written; up to four");
    private readonly Option<string?> _kernel = PathOptions.One("--kernel", "Multiboot kernel (a 32-bit ELF file) or Linux bzImage");
    private readonly Option<string[]> _initrd = PathOptions.Many("--initrd", "Module of the kernel, repeatable; of a bzImage its one initrd");
    private readonly Option<string> _append = new("--append") { Description = "Command line of the kernel", HelpName = "TEXT", DefaultValueFactory = _ => "" };
    private readonly Option<string[]> _load = new("--load") { Description = "Bytes for guest memory; alone, 16-bit code that starts there; repeatable", HelpName = "FILE@ADDR" };
    private readonly Option<int> _memory = CommandOptions.Number("--memory", "MiB of memory", "MIB", 1, MaximumMemory, 64);
    private readonly Option<string?> _serial = PathOptions.One("--serial", "Takes what the guest sends on COM1; - is standard output");
    private readonly Option<string?> _serialInput = PathOptions.One("--serial-input", "What COM1 receives; - is standard input");
    private readonly Option<string[]> _debugPort = new("--debug-port") { Description = "Takes every byte written to a port; - is standard output; repeatable", HelpName = "PORT=FILE" };
    private readonly Option<string?> _exitPort = new("--exit-port") { Description = "A value v written to it ends the run with exit code 2v + 1", HelpName = "PORT" };
    private readonly Option<string?> _screen = PathOptions.One("--screen", "Takes the text on the screen at the end; - is standard output");
    private readonly Option<string?> _until = new("--until") { Description = "Ends the run with exit code 0 once COM1 or a debug port has sent this", HelpName = "TEXT" };
    private readonly Option<long?> _maxInstructions = CommandOptions.OptionalNumber<long>(
        "--max-instructions", "Budget in guest ticks less halted ones (default: none)", "N", 1, long.MaxValue);

    private readonly Option<string> _engine = new("--engine") { Description = "The engine", HelpName = "E", DefaultValueFactory = _ => "bare" };
    private readonly Option<string> _cpu = new("--cpu")
    {
        Description = "Processor model",
        HelpName = "M",
        DefaultValueFactory = _ => ScenarioContext.DefaultCpu,
    };

    private BootCommand(Command command, CommandEnvironment environment)
    {
        _environment = environment;
        _engine.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Engines));
        _cpu.CompletionSources.Add(_ => CommandOptions.Names(environment.Catalog.Cpus));
        Option[] options =
        [
            _bios, _disk, _kernel, _initrd, _append, _load, _memory, _serial, _serialInput, _debugPort, _exitPort, _screen, _until, _maxInstructions, _engine, _cpu,
        ];
        foreach (var option in options)
        {
            command.Options.Add(option);
        }
    }

    public static Command Create(CommandEnvironment environment)
    {
        var command = new Command("boot", "Boots a real image. Exit code: the guest's if it wrote one to --exit-port, 0 if --until matched or, without it, the guest turned the power off, else 2");
        command.SetAction(new BootCommand(command, environment).Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var engineName = parsed.GetValue(_engine)!;
        CommandOptions.Expect("--engine", engineName, _environment.Catalog.Engines);
        var cpu = CommandOptions.Cpu(_environment, parsed.GetValue(_cpu)!);
        if (parsed.GetValue(_until) is "")
        {
            throw new CommandException(ExitCode.Usage, "--until: expected a text, found an empty one");
        }

        var destinations = Destinations(parsed);
        var outputs = new BootOutputs(_environment, parsed.GetValue(_until), destinations, parsed.GetValue(_screen));
        var request = new RunRequest
        {
            Engine = EngineRegistry.Find(engineName)!,
            Model = ModelRegistry.Load(cpu),
            Guest = Guest(parsed),
            Costs = CostProfile.Load(ScenarioContext.DefaultCost),
            MaxInstructions = parsed.GetValue(_maxInstructions) ?? long.MaxValue,
            RecordEffects = false,
            Output = outputs.Write,
            Devices = Devices(parsed, [.. outputs.Ports.Where(p => p != SerialPort)]),
            Cancellation = _environment.Cancellation,
        };
        CheckFiles(parsed, destinations);
        Rehearse(request);
        EngineRun run;
        using (outputs)
        {
            outputs.Open();
            run = GuestRunner.Run(request);
            outputs.Close(run.Screen);
        }

        return Conclude(run, outputs.HasMatched, parsed.GetValue(_until));
    }

    private void CheckFiles(ParseResult parsed, SortedDictionary<ushort, string> outputs)
    {
        var roles = new FileRoles(_environment);
        foreach (var option in (Option<string?>[])[_bios, _kernel, _serialInput])
        {
            roles.ReadsBy(option.Name, parsed.GetValue(option));
        }

        foreach (var option in (Option<string[]>[])[_disk, _initrd])
        {
            Array.ForEach(parsed.GetValue(option) ?? [], file => roles.ReadsBy(option.Name, file));
        }

        Array.ForEach(parsed.GetValue(_load) ?? [], text => roles.ReadsBy(_load.Name, text[..text.LastIndexOf('@')]));
        roles.ReadsModel(parsed.GetValue(_cpu));
        roles.Writes(_serial.Name, parsed.GetValue(_serial));
        foreach (var file in outputs.Where(o => o.Key != SerialPort).Select(o => o.Value))
        {
            roles.Writes(_debugPort.Name, file);
        }

        roles.Writes(_screen.Name, parsed.GetValue(_screen));
    }

    // Everything is checked before an output file is touched: a run without a budget builds the machine and executes nothing.
    private static void Rehearse(RunRequest request)
    {
        if (GuestRunner.NotApplicable(request) is { } reason)
        {
            throw new CommandException(ExitCode.Usage, $"not applicable: {reason}");
        }

        try
        {
            GuestRunner.Run(request with { MaxInstructions = 0 });
        }
        catch (PortTakenException e)
        {
            throw new CommandException(ExitCode.Usage, $"--debug-port, --exit-port: {e.Message}");
        }
    }

    private SortedDictionary<ushort, string> Destinations(ParseResult parsed)
    {
        var files = new SortedDictionary<ushort, string>();
        if (parsed.GetValue(_serial) is { } serial)
        {
            files.Add(SerialPort, serial);
        }

        foreach (var text in parsed.GetValue(_debugPort) ?? [])
        {
            var separator = text.IndexOf('=', StringComparison.Ordinal);
            if (separator < 0)
            {
                throw new CommandException(ExitCode.Usage, $"--debug-port: expected PORT=FILE, found '{text}'");
            }

            if (!files.TryAdd(Port("--debug-port", text[..separator]), PathOptions.Expect("--debug-port", text[(separator + 1)..])))
            {
                throw new CommandException(ExitCode.Usage, $"--debug-port: expected a port that has no file yet, found '{text}'");
            }
        }

        return files;
    }

    private int Conclude(EngineRun run, bool matched, string? until)
    {
        var (code, what) = run switch
        {
            _ when matched => (ExitCode.Success, "--until matched"),
            { ExitCode: { } exit } => (exit, string.Create(CultureInfo.InvariantCulture, $"the guest ended with exit code {exit}")),
            { End: GuestEnd.Done } => (until is null ? ExitCode.Success : ExitCode.Failed, "the guest turned the power off"),
            { End: GuestEnd.Stopped } => (ExitCode.Cancelled, "cancelled"),
            { End: GuestEnd.Limit } => (ExitCode.Failed, "the budget of --max-instructions is used up"),
            { End: GuestEnd.HaltedForever } => (ExitCode.Failed, "the guest has halted and nothing can wake it"),
            { End: GuestEnd.Shutdown } => (ExitCode.Failed, "the guest ended in a triple fault"),
            _ => (ExitCode.Failed, $"{run.Engine.Name} does not do this: {run.StopReason}"),
        };
        var missing = until is not null && !matched && code != ExitCode.Cancelled ? $"; --until never matched '{until}'" : "";
        _environment.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"harness: {what}{missing}; {run.Retired.Guest} instructions, tick {run.Ticks}, at {run.Final.Cs:X4}:{run.Final.Eip:X8}"));
        if (run.Retired.Regimes.Count > 0)
        {
            _environment.Error.WriteLine($"harness: regimes: {string.Join(", ", run.Retired.Regimes.Select(r => Share(r, run.Retired.Guest)))}");
        }

        return code;
    }

    // Instructions can be none: the first may not have retired.
    private static string Share(RegimeCounts regime, long instructions) => string.Create(
        CultureInfo.InvariantCulture,
        $"{regime.Name} {100.0 * (regime.Direct + regime.Emulated) / Math.Max(1, instructions):F1} % ({regime.Direct} direct, {regime.Emulated} emulated)");

    private GuestImage Guest(ParseResult parsed)
    {
        var memory = (long)parsed.GetValue(_memory) << 20;
        if (parsed.GetValue(_kernel) is null && (parsed.GetValue(_initrd) is { Length: > 0 } || parsed.GetValue(_append) is not ""))
        {
            throw new CommandException(ExitCode.Usage, "--initrd and --append belong to a kernel: give --kernel");
        }

        GuestBytes[] loads = [.. (parsed.GetValue(_load) ?? []).Select(text => Load(text, memory))];
        try
        {
            if (parsed.GetValue(_kernel) is { } kernel)
            {
                if (parsed.GetValue(_bios) is not null)
                {
                    throw new CommandException(ExitCode.Usage, "--kernel starts without firmware: leave out --bios, or --kernel");
                }

                var bytes = Read("--kernel", kernel, memory).Span;
                var modules = (parsed.GetValue(_initrd) ?? []).Select(f => new MultibootModule(Path.GetFileName(f), Read("--initrd", f, memory))).ToList();
                var image = BzImage.Matches(bytes)
                    ? BzImage.Load(bytes, Path.GetFileName(kernel), parsed.GetValue(_append)!, modules, memory)
                    : Multiboot.Load(bytes, Path.GetFileName(kernel), parsed.GetValue(_append)!, modules, memory);
                return Named(image.Name, memory, [.. image.Contents, .. loads], image.Entry);
            }
        }
        catch (GuestBuildException e)
        {
            throw new CommandException(ExitCode.Usage, e.Message);
        }

        if (parsed.GetValue(_bios) is { } bios)
        {
            return Named(Path.GetFileName(bios), memory, loads, new GuestEntry { Mode = EntryMode.Reset });
        }

        if (loads.Length == 0)
        {
            throw new CommandException(ExitCode.Usage, "nothing to boot: give --bios, --kernel or --load");
        }

        var start = (uint)loads[0].Address.Value;
        return start < 1 << 20
            ? Named("load", memory, loads, new GuestEntry { Mode = EntryMode.Real, Cs = (ushort)(start >> 4 & 0xF000), Eip = start & 0xFFFF, Esp = 0x7C00 })
            : throw new CommandException(ExitCode.Usage, $"--load: code that starts in real mode lies below 100000h, found {start:X}h");
    }

    private static GuestImage Named(string name, long memory, IReadOnlyList<GuestBytes> contents, GuestEntry entry) =>
        new() { Name = name, MemoryBytes = memory, Contents = contents, Entry = entry };

    private GuestDevices Devices(ParseResult parsed, IReadOnlyList<ushort> debugPorts)
    {
        var disks = parsed.GetValue(_disk) ?? [];
        if (disks.Length > 4)
        {
            throw new CommandException(ExitCode.Usage, $"--disk: expected at most four, found {disks.Length}");
        }

        foreach (var disk in disks)
        {
            var file = new FileInfo(_environment.FullPath(disk));
            if (!file.Exists || file.Length == 0)
            {
                throw new CommandException(ExitCode.Usage, $"--disk: expected a file with contents, found {(file.Exists ? "an empty one" : "none")}: {disk}");
            }
        }

        return new GuestDevices
        {
            ExitPort = parsed.GetValue(_exitPort) is { } port ? Port("--exit-port", port) : null,
            Disks = [.. disks.Select(d => (Func<DiskImage>)(() => DiskImage.Open(_environment.FullPath(d))))],
            BiosImage = parsed.GetValue(_bios) is { } bios ? Bios(bios) : default(ReadOnlyMemory<byte>?),
            DebugPorts = debugPorts,
            SerialInput = parsed.GetValue(_serialInput) is { } input ? [new TimedInput(0, Input(input))] : [],
        };
    }

    private ReadOnlyMemory<byte> Bios(string file)
    {
        var image = Read("--bios", file, MaximumBios);
        return image.Length % BiosUnit == 0
            ? image
            : throw new CommandException(ExitCode.Usage, $"--bios: expected a multiple of {BiosUnit} bytes, found {image.Length}: {file} is truncated, or no firmware");
    }

    private GuestBytes Load(string text, long memory)
    {
        var separator = text.LastIndexOf('@');
        if (separator < 0 || !TryNumber(text[(separator + 1)..], out var address))
        {
            throw new CommandException(ExitCode.Usage, $"--load: expected FILE@ADDR with an address such as 0x7C00, found '{text}'");
        }

        var bytes = Read("--load", PathOptions.Expect("--load", text[..separator]), memory);
        return address + bytes.Length <= memory
            ? new GuestBytes(new PhysicalAddress((ulong)address), bytes)
            : throw new CommandException(ExitCode.Usage, string.Create(
                CultureInfo.InvariantCulture, $"--load: {bytes.Length} bytes at {address:X}h exceed the guest's memory of {memory:X}h bytes; see --memory"));
    }

    private byte[] Input(string file)
    {
        if (file != "-")
        {
            return Bytes("--serial-input", file, Array.MaxLength - 1L);
        }

        using var copy = new MemoryStream();
        _environment.Input.CopyTo(copy);
        return copy.ToArray();
    }

    private ReadOnlyMemory<byte> Read(string option, string file, long most)
    {
        var bytes = Bytes(option, file, most);
        if (bytes.Length > 0 && bytes.Length <= most)
        {
            return bytes;
        }

        // Of a device nobody knows how much it holds.
        var length = new FileInfo(_environment.FullPath(file)).Length;
        throw new CommandException(ExitCode.Usage, $"{option}: expected a file of 1 to {most} bytes, found {(length >= bytes.Length ? length.ToString(CultureInfo.InvariantCulture) : "more")}: {file}");
    }

    // At most one byte more than is of use: a device may have bytes without end.
    private byte[] Bytes(string option, string file, long most)
    {
        try
        {
            using var stream = File.OpenRead(_environment.FullPath(file));
            using var copy = new MemoryStream();
            var buffer = new byte[1 << 16];
            int count;
            while (copy.Length <= most && (count = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, most + 1 - copy.Length))) > 0)
            {
                copy.Write(buffer, 0, count);
            }

            return copy.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Usage, $"{option}: {file} cannot be read: {e.Message}");
        }
    }

    private static ushort Port(string option, string text) => TryNumber(text, out var number) && number <= ushort.MaxValue
        ? (ushort)number
        : throw new CommandException(ExitCode.Usage, $"{option}: expected a port such as 0x402, found '{text}'");

    /// <summary>A decimal number, or a hexadecimal one after 0x, of at most 32 bits.</summary>
    private static bool TryNumber(string text, out long number)
    {
        var isHexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var parsed = isHexadecimal
            ? uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        number = value;
        return parsed;
    }
}
