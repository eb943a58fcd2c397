using System.Globalization;
using Harness.Isa;
using Harness.Machine;

namespace Harness.Fuzz;

/// <summary>All that a run leaves behind, as numbers with names.</summary>
internal sealed class Outcome
{
    private static readonly string[] Names = MakeNames();
    private readonly ulong[] _values = new ulong[Names.Length];
    private readonly byte[] _memory = new byte[Layout.RamBytes];

    /// <summary>Takes the state, and a copy of memory if there is nothing yet to compare it with.</summary>
    public void Capture(Processor processor, RunExit exit, ulong effects, ulong deliveries, bool copyMemory)
    {
        ref CpuState state = ref processor.State;
        ref SystemRegisters system = ref state.System;
        int at = 0;
        for (int i = 0; i < 8; i++)
        {
            _values[at++] = processor.Register(i);
        }

        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            ref SegmentRegister segment = ref processor.Segment(name);
            _values[at++] = segment.Selector;
            _values[at++] = segment.Base;
            _values[at++] = segment.Limit;
            _values[at++] = segment.Rights;
        }

        ReadOnlySpan<ulong> rest =
        [
            processor.Flags, state.Eip, (ulong)state.Cpl, state.Gdtr.Base, state.Gdtr.Limit, state.Idtr.Base, state.Idtr.Limit,
            system.Cr0, system.Cr2, system.Cr3, system.Cr4, system.Dr0, system.Dr1, system.Dr2, system.Dr3, system.Dr6, system.Dr7, system.Efer,
            system.SysenterCs, system.SysenterEsp, system.SysenterEip, system.Pdpte0, system.Pdpte1, system.Pdpte2, system.Pdpte3,
            state.PendingDebug, (ulong)state.Shadow, (ulong)state.Activity, state.NmiBlocked ? 1ul : 0, (ulong)processor.Ticks, (ulong)processor.HaltedTicks,
            processor.TimeStamp, (ulong)exit, effects, deliveries,
        ];
        rest.CopyTo(_values.AsSpan(at));
        if (copyMemory)
        {
            processor.Memory.Ram.Read(0, Layout.RamBytes).CopyTo(_memory);
        }
    }

    /// <summary>Null, or what another run did otherwise: its values, and its memory as it stands in <paramref name="ram"/>.</summary>
    public string? Difference(Outcome other, ReadOnlySpan<byte> ram)
    {
        if (_values.AsSpan().SequenceEqual(other._values) && ram.SequenceEqual(_memory))
        {
            return null;
        }

        var differences = new List<string>();
        for (int i = 0; i < Names.Length; i++)
        {
            if (_values[i] != other._values[i])
            {
                differences.Add(string.Create(CultureInfo.InvariantCulture, $"{Names[i]} {_values[i]:X} / {other._values[i]:X}"));
            }
        }

        int first = ram.CommonPrefixLength(_memory);
        if (first < Layout.RamBytes)
        {
            differences.Add(string.Create(CultureInfo.InvariantCulture, $"memory at {first:X}: {_memory[first]:X2} / {ram[first]:X2}"));
        }

        return string.Join(", ", differences);
    }

    private static string[] MakeNames()
    {
        var names = new List<string> { "EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI" };
        for (SegmentName name = SegmentName.ES; name <= SegmentName.TR; name++)
        {
            names.AddRange([$"{name}.selector", $"{name}.base", $"{name}.limit", $"{name}.rights"]);
        }

        names.AddRange(
        [
            "EFLAGS", "EIP", "CPL", "GDTR.base", "GDTR.limit", "IDTR.base", "IDTR.limit",
            "CR0", "CR2", "CR3", "CR4", "DR0", "DR1", "DR2", "DR3", "DR6", "DR7", "EFER",
            "SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP", "PDPTE0", "PDPTE1", "PDPTE2", "PDPTE3",
            "pending #DB", "shadow", "activity", "NMI blocked", "ticks", "halted ticks", "TSC", "exit", "effects", "deliveries",
        ]);
        return [.. names];
    }
}
