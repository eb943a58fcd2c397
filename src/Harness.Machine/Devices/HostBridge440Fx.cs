namespace Harness.Machine.Devices;

/// <summary>
/// The 82441FX host bridge (00:00.0): decodes memory, with the programmable attribute map of C0000h-FFFFFh. System management RAM is not modelled:
/// its register reads as locked and disabled. Source: 82441FX data sheet, 3.2.
/// </summary>
internal sealed class HostBridge440Fx : PciFunction
{
    private const int Pam0 = 0x59;
    private const uint ShadowStart = 0xC0000;
    private const uint SystemSegment = 0xF0000;
    private const uint ShadowEnd = 0x100000;
    private const uint SlotLength = 0x4000;
    private const int Slots = 13;
    private const byte ReadEnable = 1;
    private const byte WriteEnable = 2;

    private readonly Platform _platform;
    private readonly ReadOnlyMemory<byte> _bios;
    private readonly byte[] _applied = new byte[Slots];

    public HostBridge440Fx(Platform platform, PciBus bus) : base("i440fx")
    {
        _platform = platform;
        _bios = platform.Options.BiosImage ?? default;
        bus.Add(0, 0, this);
        Identify(0x1237, 0x0600_0002, headerType: 0x00, command: 0x0006, status: 0x0280);
        Declare(0x0D, 1, 0x00, 0xF8);
        Declare(0x50, 4, 0x0000_0100, 0xFFFF_FFFF);
        Declare(0x57, 2, 0x1001, 0xFFFF);

        // Without firmware the shadow area is RAM, as firmware would leave it.
        var open = _bios.IsEmpty;
        Declare(Pam0, 1, open ? 0x30u : 0, 0x30);
        for (var i = 1; i < 7; i++)
        {
            Declare(Pam0 + i, 1, open ? 0x33u : 0, 0x33);
        }

        for (var row = 0; row < 8; row++)
        {
            var boundary = Math.Min(255, new MemoryLayout(platform.Options.RamBytes).LowBytes >> 23);
            Declare(0x60 + row, 1, (uint)boundary, 0xFF);
        }

        // SMRAM: D_LCK set, G_SMRAME clear, C_BASE_SEG 2.
        Declare(0x72, 1, 0x12, 0);
    }

    /// <summary>Maps everything that does not depend on registers, then the shadow area.</summary>
    public override void Reset()
    {
        var map = _platform.Memory;
        var memory = new MemoryLayout(_platform.Options.RamBytes);
        map.MapRam(0, 0xA0000, 0, MapSide.Both);
        if (memory.LowBytes > ShadowEnd)
        {
            map.MapRam(ShadowEnd, memory.LowBytes - ShadowEnd, ShadowEnd, MapSide.Both);
        }

        if (memory.HighBytes != 0)
        {
            map.MapRam(MemoryLayout.HighStart, memory.HighBytes, memory.LowBytes, MapSide.Both);
        }

        if (!_bios.IsEmpty)
        {
            map.MapRom(MemoryLayout.HighStart - (ulong)_bios.Length, _bios);
        }

        // No slot has these attributes, so each is mapped anew.
        Array.Fill(_applied, (byte)0xFF);
        base.Reset();
    }

    public override void AfterVisit()
    {
        Array.Fill(_applied, (byte)0xFF);
        base.AfterVisit();
    }

    protected override void Written()
    {
        for (var slot = 0; slot < Slots; slot++)
        {
            // PAM0 has F0000h-FFFFFh in its high half; PAM1 to PAM6 have two slots of 16 KiB each, the lower address in the low half.
            var isSystem = slot == Slots - 1;
            var register = (byte)Read(isSystem ? Pam0 : Pam0 + 1 + slot / 2, 1);
            var attributes = (byte)((isSystem || slot % 2 != 0 ? register >> 4 : register) & 3);
            if (_applied[slot] != attributes)
            {
                _applied[slot] = attributes;
                var start = isSystem ? SystemSegment : ShadowStart + (uint)slot * SlotLength;
                Apply(start, isSystem ? ShadowEnd - SystemSegment : SlotLength, attributes);
            }
        }
    }

    private void Apply(uint start, uint length, byte attributes)
    {
        var map = _platform.Memory;
        if ((attributes & WriteEnable) != 0)
        {
            map.MapRam(start, length, start, MapSide.Write);
        }
        else
        {
            map.Unmap(start, length, MapSide.Write);
        }

        // The firmware's last 128 KiB show below 1 MiB too.
        var fromEnd = (int)(ShadowEnd - start);
        if ((attributes & ReadEnable) != 0)
        {
            map.MapRam(start, length, start, MapSide.Read);
        }
        else if (fromEnd <= Math.Min(_bios.Length, 0x20000))
        {
            map.MapRom(start, _bios.Slice(_bios.Length - fromEnd, (int)length));
        }
        else
        {
            map.Unmap(start, length, MapSide.Read);
        }
    }
}
