using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Vmm;
using Iced.Intel;

namespace Harness.Tests.Hostile;

/// <summary>What became of an attempt.</summary>
/// <param name="Ran">The engine took the guest, and did not stop at what it does not do.</param>
/// <param name="Escape">The first byte that was changed and is not the attacker's; null: none.</param>
internal sealed record HostileResult(bool Ran, string? Escape);

/// <summary>
/// Runs attempts under an engine on a host whose memory also holds a neighbour: another guest's memory, and frames with a pattern. All of it that is not the
/// guest's is compared byte by byte with what it has to be: what the monitor itself has written, what the processor has written on its own account, and nothing
/// else. Accessed and dirty bits in the monitor's memory are left out: the processor sets them without telling.
/// </summary>
internal sealed class HostileHost(IEngine engine, string option = "", Protection omitted = Protection.None, long guestBytes = 1 << 20) : IExecutionObserver
{
    private const long Limit = 5_000;
    private const int NeighbourBytes = 1 << 20;
    private const int CanaryBytes = 1 << 16;
    private const byte PageBits = 0x60;
    private static readonly ProcessorModel Model = ModelRegistry.Load("yonah");
    private static readonly ProcessorModel GuestModel = Model.Without(Feature.Vmx);
    private static readonly byte[] Neighbour = MakeNeighbour();

    /// <summary>Virtual IF and IOPL, saved registers and the target of a jump (src/README.md, Binary translation); the table of targets behind them is the monitor's alone.</summary>
    private const ulong TranslatorScratch = 0x300000;
    private const ulong TranslatorScratchBytes = 32;
    private readonly long _neighbourStart = GuestMachine.MonitorBytes + guestBytes;
    private readonly byte[] _expected = new byte[GuestMachine.MonitorBytes + guestBytes + NeighbourBytes + CanaryBytes];
    private readonly byte[] _found = new byte[Ram.PageSize];
    private readonly SortedDictionary<string, string> _options =
        new(option.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(o => o.Split('=')).ToDictionary(o => o[0], o => o[1]), StringComparer.Ordinal);
    private readonly List<(PhysicalAddress Address, int Size, ulong Value)> _stores = [];
    private GuestMachine? _machine;

    public HostileResult Run(HostileAttempt attempt)
    {
        GuestImage guest = attempt.Build(guestBytes);
        if (engine.NotApplicable(Model, guest) is not null)
        {
            return new HostileResult(false, null);
        }

        using DiskImage disk = HostileDeviceAttempts.Disk();
        var devices = new PlatformOptions
        {
            RamBytes = (ulong)guest.MemoryBytes,
            TicksPerSecond = (ulong)Model.TicksPerSecond,
            ExitPort = GuestAssembler.ExitPort,
            RingDisk = disk,
        };
        using var machine = new GuestMachine(
            Model, engine.ImageOf(guest), devices, CostProfile.Load(CostProfile.Names[0]), _options, keepEvents: false, GuestModel, Neighbour.Length);
        _machine = machine;
        _stores.Clear();
        PhysicalMemory host = machine.Host.PhysicalMemory;
        host.Write(new PhysicalAddress((ulong)_neighbourStart), Neighbour);
        Neighbour.CopyTo(_expected, _neighbourStart);
        machine.Host.Writing += (address, data) => data.CopyTo(_expected.AsSpan((int)address.Value));
        machine.Host.Processor.Observer = this;
        machine.Host.Limit = Limit;
        using IMonitor monitor = engine.Create(new MonitorContext(machine) { Omitted = omitted });
        GuestEnd end = monitor.Run(Limit);
        if (machine.Host.Processor.Intercepts is VmxUnit { CurrentVmcs: { } vmcs })
        {
            // The region of the current VMCS is the processor's (SDM Vol. 3C, 24.1).
            host.Read(vmcs, _expected.AsSpan((int)vmcs.Value, Ram.PageSize));
        }

        string? escape = First(host, _neighbourStart, _expected.Length, "the neighbour's memory", 0) ?? First(host, 0, GuestMachine.MonitorBytes, "the monitor's memory", PageBits);
        for (int page = 0; page < _expected.Length / Ram.PageSize; page++)
        {
            if (!host.Ram.IsUntouched(page))
            {
                Array.Clear(_expected, page * Ram.PageSize, Ram.PageSize);
            }
        }

        return new HostileResult(end != GuestEnd.Unsupported, escape ?? (attempt.Ring == 3 ? FirstInSecret(host) : null));
    }

    void IExecutionObserver.Retired(in Instruction instruction)
    {
        if (_machine!.Host.Processor.State.Cpl != 0 || _machine.Host.Processor.IsGuest)
        {
            _machine.Host.NoteGuest();
        }
        else
        {
            // INT n through a gate that the monitor has opened.
            _stores.ForEach(store => Expect(store.Address, store.Size, store.Value));
        }

        _stores.Clear();
    }

    /// <summary>The frame of a trap into the monitor is the processor's own; what the translator put in the place of an instruction writes to its scratch words.</summary>
    void IExecutionObserver.Stored(PhysicalAddress address, int size, ulong value)
    {
        bool isScratch = address.Value - TranslatorScratch < TranslatorScratchBytes && _machine!.Host.Processor.StepMark != 0;
        if (_machine!.Host.IsTrapping || isScratch)
        {
            Expect(address, size, value);
        }
        else
        {
            _stores.Add((address, size, value));
        }
    }

    void IExecutionObserver.StoredImplicitly(PhysicalAddress address, int size, ulong value) => Expect(address, size, value);

    void IExecutionObserver.PortAccess(ushort port, int size, uint value, bool write)
    {
    }

    private static byte[] MakeNeighbour()
    {
        var memory = new byte[NeighbourBytes + CanaryBytes];
        GuestImage guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.User(a => a.Asciz("the neighbour's own"));
        });
        foreach (GuestBytes part in guest.Contents)
        {
            part.Bytes.Span.CopyTo(memory.AsSpan((int)part.Address.Value));
        }

        for (int i = 0; i < CanaryBytes; i++)
        {
            memory[NeighbourBytes + i] = (byte)(i * 7 + (i >> 8));
        }

        return memory;
    }

    private void Expect(PhysicalAddress address, int size, ulong value)
    {
        for (int i = 0; i < size; i++)
        {
            _expected[(int)address.Value + i] = (byte)(value >> (8 * i));
        }
    }

    private string? First(PhysicalMemory host, long from, long to, string whose, byte ignored)
    {
        for (long start = from; start < to; start += Ram.PageSize)
        {
            // What nobody could have written to has not changed.
            if (host.Ram.IsUntouched((int)(start / Ram.PageSize)))
            {
                continue;
            }

            int count = (int)Math.Min(Ram.PageSize, to - start);
            host.Read(new PhysicalAddress((ulong)start), _found.AsSpan(0, count));
            for (int at = 0; at < count; at++)
            {
                at += _found.AsSpan(at, count - at).CommonPrefixLength(_expected.AsSpan((int)start + at, count - at));
                if (at < count && ((_found[at] ^ _expected[start + at]) & ~ignored) != 0)
                {
                    return $"{whose} at {start + at:X8}: {_expected[start + at]:X2} has become {_found[at]:X2}";
                }
            }
        }

        return null;
    }

    private static string? FirstInSecret(PhysicalMemory host)
    {
        var page = new byte[Ram.PageSize];
        host.Read(new PhysicalAddress((ulong)GuestMachine.MonitorBytes + HostileAttempt.Secret), page);
        int other = page.AsSpan().IndexOfAnyExcept(HostileAttempt.SecretByte);
        return other < 0 ? null : $"the kernel's page at {other:X}: {page[other]:X2}";
    }
}
