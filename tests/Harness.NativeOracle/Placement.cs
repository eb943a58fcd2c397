namespace Harness.NativeOracle;

/// <summary>Chooses where operands lie and which selectors a case meets: mostly good ones, at every border, and bad ones.</summary>
/// <param name="chance">The stream of the case.</param>
internal sealed class Placement(Chance chance)
{
    private const uint DataPages = World.Window + World.Data;

    /// <summary>An offset for a memory operand.</summary>
    /// <param name="size">Bytes of the operand.</param>
    /// <param name="selector">Its segment.</param>
    /// <param name="aligned">Whether it may not cross a multiple of its size.</param>
    public uint Offset(int size, ushort selector, bool aligned)
    {
        if (World.Find(selector) is not Descriptor segment)
        {
            return chance.Value();
        }

        uint linear = chance.Below(100) switch
        {
            < 70 => DataPages + (uint)chance.Below(0x2000 - size),
            < 74 => DataPages + 0x1000 - Part(size),
            < 80 => World.Window + World.ReadOnly + (uint)chance.Below(0x1000 - size),
            < 83 => World.Window + World.ReadOnly - Part(size),
            < 86 => World.Window + World.ReadOnly + 0x1000 - Part(size),
            < 89 => DataPages - Part(size),
            < 93 => World.Window + World.ReadOnly + 0x1000 + (uint)chance.Below(0x4000),
            < 95 => 0x10000000 + (chance.Next() >> 2),
            _ when segment.EffectiveLimit < 0xFFFFF => segment.Base + segment.EffectiveLimit + 1 - (uint)chance.Below(size + 1),
            _ => World.Window + World.Top + (uint)chance.Below(0x1000 - size),
        };
        if (aligned || chance.Percent(50))
        {
            linear &= ~(uint)(int.IsPow2(size) ? size - 1 : 0);
        }

        return linear - segment.Base;
    }

    /// <summary>An offset for the stack pointer or frame pointer.</summary>
    /// <param name="selector">The stack segment.</param>
    public uint StackOffset(ushort selector)
    {
        Descriptor segment = World.Find(selector)!.Value;
        const uint stack = World.Window + World.Stack;
        uint linear;
        if (segment.IsExpandDown || segment.EffectiveLimit < 0xFFFF)
        {
            uint border = World.Window + segment.EffectiveLimit + 1;
            bool inside = chance.Percent(85);
            uint distance = (uint)(inside ? 0x100 + chance.Below(0x600) : chance.Below(0x24));
            linear = segment.IsExpandDown ? border + distance : border - distance;
        }
        else
        {
            linear = chance.Below(100) switch
            {
                < 80 => stack + 0x200 + (uint)chance.Below(0x1C00),
                < 86 => stack + (uint)chance.Below(0x24),
                < 92 => stack + 0x2000 - (uint)chance.Below(0x24),
                < 95 => stack + 0x2000 + (uint)chance.Below(0x1000),
                _ => World.Window + (chance.Percent(50) ? 0 : 0x10000 - 2 * (uint)chance.Below(10)),
            };
        }

        if (!chance.Percent(10))
        {
            linear &= ~(segment.Big ? 3u : 1u);
        }

        return linear - segment.Base;
    }

    /// <summary>Any selector: good, null, privileged, absent, not present, of the wrong type or RPL.</summary>
    public ushort Selector()
    {
        if (chance.Percent(75))
        {
            int selector = World.Selector(chance.Below(World.Descriptors.Count));
            return (ushort)(chance.Percent(15) ? selector & ~chance.Below(4) : selector);
        }

        return chance.Of<ushort>(0, 1, 2, 3, World.FlatData, World.FlatCode, 0x28, 0x10, 0x1B, 0xFFFF, 0xFFFB, World.Selector(World.Descriptors.Count));
    }

    /// <summary>A selector for a far transfer, mostly of code.</summary>
    public ushort CodeSelector() => chance.Percent(60) ? chance.Of(World.FlatCode, World.Selector(2), World.Selector(3), World.Selector(4)) : Selector();

    /// <summary>An offset for a transfer, mostly inside every code segment.</summary>
    public uint CodeOffset() => chance.Percent(70) ? (uint)chance.Below(0x700) : chance.Value();

    /// <summary>A selector that a data segment register can hold before the instruction.</summary>
    /// <param name="bitness">16 or 32: 16-bit code needs segments of the LDT.</param>
    public ushort LoadedData(int bitness)
    {
        if (chance.Percent(4))
        {
            return 0;
        }

        if (chance.Percent(bitness == 32 ? 50 : 15))
        {
            return World.FlatData;
        }

        return chance.Percent(60) ? World.Selector(chance.Below(2)) : World.Selector(chance.Of(2, 5, 6, 7, 9, 11, 13));
    }

    /// <summary>A selector that SS can hold before the instruction.</summary>
    /// <param name="bitness">16 or 32.</param>
    public ushort LoadedStack(int bitness)
    {
        if (chance.Percent(bitness == 32 ? 50 : 10))
        {
            return World.FlatData;
        }

        return chance.Percent(75) ? World.Selector(chance.Percent(bitness == 32 ? 50 : 15) ? 1 : 0) : World.Selector(chance.Of(6, 7, 11, 13));
    }

    private uint Part(int size) => size == 1 ? 1 : 1 + (uint)chance.Below(size - 1);
}
