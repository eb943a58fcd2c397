using System.Buffers.Binary;

namespace Harness.Vmm.Classification;

/// <summary>
/// Makes a guest of a setting: it starts over the laboratory's tables, loads registers by code of its own, executes the one instruction in the laboratory's state,
/// and ends wherever that leads: behind it, at a branch target, in a handler or in another task.
/// </summary>
public static class FormGuest
{
    /// <summary>The mark of the instruction.</summary>
    public const string Mark = "form";

    private const byte ExitPort = 0xF4;
    private const uint FlatEntry = 0x400;
    private static readonly uint[] Landings = [0x260, 0x300, 0x400];
    private static readonly byte[][] Copies = [LabLayout.Build(0), LabLayout.Build(LabLayout.CopyBytes)];

    /// <summary>Where a copy is made: an array of this size for each guest would have all memory collected every few guests.</summary>
    [ThreadStatic]
    private static byte[]? _copy;

    /// <summary>Linear address of the instruction.</summary>
    public static LinearAddress Address { get; } = new(LabLayout.Code + LabLayout.InstructionOffset);

    /// <summary>Builds the guest. Segment bases, clock and platform are those of the machine that it runs on: these axes change nothing.</summary>
    /// <param name="model">The processor that it is for.</param>
    /// <param name="setting">The instruction with its operands.</param>
    /// <param name="situation">Where it runs.</param>
    /// <exception cref="ArgumentException">The situation is one of virtual-8086 mode, in which no guest starts.</exception>
    public static GuestImage Build(ProcessorModel model, Setting setting, Situation situation)
    {
        if (situation.IsVirtual8086)
        {
            throw new ArgumentException("No guest starts in virtual-8086 mode.", nameof(situation));
        }

        byte[] preamble = Preamble(model, setting, situation);
        uint start = LabLayout.InstructionOffset - (uint)preamble.Length;
        var contents = new List<GuestBytes>();
        byte[] copy = _copy ??= new byte[LabLayout.CopyBytes];
        for (uint index = 0; index < Copies.Length; index++)
        {
            Copies[index].CopyTo(copy, 0);
            foreach (SettingBytes part in setting.Memory)
            {
                part.Bytes.CopyTo(copy, part.Address);
            }

            preamble.CopyTo(copy, LabLayout.Code + start);
            setting.Code.CopyTo(copy, Address.Value);
            End(copy, (uint)Address.Value + (uint)setting.Code.Length);
            End(copy, FlatEntry);
            foreach (uint landing in Landings)
            {
                End(copy, LabLayout.Code + landing);
            }

            AddPages(contents, copy, index * LabLayout.CopyBytes);
        }

        var form = new LinearAddress(Address.Value + (uint)setting.Code.Length);
        return new GuestImage
        {
            Name = Convert.ToHexString(setting.Code),
            MemoryBytes = 2 * LabLayout.CopyBytes,
            Contents = contents,
            Entry = Entry(model, setting, situation, start),
            Marks = [new GuestMark(Mark, Address, form)],
        };
    }

    private static GuestEntry Entry(ProcessorModel model, Setting setting, Situation situation, uint start)
    {
        var system = default(SystemRegisters);
        Laboratory.PutControl(model, ref system, setting, situation);
        bool moved = situation.Axis == Axis.Tables;
        uint tables = moved ? LabLayout.CopyBytes : 0;
        bool user = situation.Side == Side.User;
        var entry = new GuestEntry
        {
            Mode = situation.IsReal ? EntryMode.Real : EntryMode.Protected,
            Cs = (ushort)(LabLayout.Code >> 4),
            Data = (ushort)(LabLayout.Stack >> 4),
            Eip = start,
            Esp = setting.Registers[4],
            Eflags = Laboratory.FlagsOf(setting, situation),
        };
        return situation.IsReal ? entry : entry with
        {
            Cs = (ushort)(user ? LabLayout.Code3 | 3 : LabLayout.Code0),
            Data = (ushort)(user ? LabLayout.Stack3 | 3 : LabLayout.Stack0),
            GdtBase = LabLayout.Gdt + tables,
            GdtLimit = LabLayout.GdtLimit,
            IdtBase = LabLayout.Idt + tables,
            IdtLimit = LabLayout.IdtLimit,
            Ldtr = moved ? LabLayout.LdtSelectorMoved : LabLayout.LdtSelector,
            Tr = moved ? LabLayout.TssSelectorMoved : LabLayout.TssSelector,
            Cr0 = system.Cr0,
            Cr3 = system.Cr3,
            Cr4 = system.Cr4,
        };
    }

    /// <summary>Loads what the entry state does not hold. No instruction of it changes a flag.</summary>
    private static byte[] Preamble(ProcessorModel model, Setting setting, Situation situation)
    {
        var code = new List<byte>();
        bool wide = situation.Bits == 32;
        void Load(int register, uint value)
        {
            if (!wide)
            {
                code.Add(0x66);
            }

            code.Add((byte)(0xB8 + register));
            byte[] bytes = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            code.AddRange(bytes);
        }

        // ES, DS, FS, GS by their numbers in MOV Sreg (SDM Vol. 2, table B-8).
        (byte Number, ushort Selector)[] segments = [(0, LabLayout.DataEs), (3, LabLayout.DataDs), (4, LabLayout.DataFs), (5, LabLayout.DataGs)];
        foreach ((byte number, ushort selector) in segments)
        {
            uint real = (LabLayout.Data + (uint)(selector - LabLayout.DataDs) / 8 * LabLayout.DataStride) >> 4;
            Load(0, situation.IsReal ? real : selector | 3u);
            code.AddRange([0x8E, (byte)(0xC0 | number << 3)]);
        }

        if (model.Has(Feature.Sep) && situation is { IsReal: false, Side: Side.Supervisor })
        {
            uint[] values = [LabLayout.Code0, 0x100, FlatEntry];
            for (uint i = 0; i < values.Length; i++)
            {
                Load(1, Msr.IA32_SYSENTER_CS + i);
                Load(2, 0);
                Load(0, values[i]);
                code.AddRange([0x0F, 0x30]);
            }
        }

        foreach (int register in (int[])[0, 1, 2, 3, 5, 6, 7])
        {
            Load(register, setting.Registers[register]);
        }

        return [.. code];
    }

    /// <summary>OUT to the exit port.</summary>
    private static void End(byte[] copy, uint address)
    {
        copy[address] = 0xE6;
        copy[address + 1] = ExitPort;
    }

    private static void AddPages(List<GuestBytes> contents, byte[] copy, uint physical)
    {
        for (int page = 0; page < copy.Length; page += Ram.PageSize)
        {
            ReadOnlySpan<byte> bytes = copy.AsSpan(page, Ram.PageSize);
            if (bytes.ContainsAnyExcept((byte)0))
            {
                contents.Add(new GuestBytes(new PhysicalAddress(physical + (uint)page), bytes.ToArray()));
            }
        }
    }
}
