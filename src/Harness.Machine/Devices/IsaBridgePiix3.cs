namespace Harness.Machine.Devices;

/// <summary>
/// The 82371SB PCI-to-ISA bridge (00:01.0). No function here asserts a PCI interrupt pin, so the PIRQ route registers only hold what firmware writes.
/// Source: 82371SB data sheet, 2.2.
/// </summary>
internal sealed class IsaBridgePiix3 : PciFunction
{
    public IsaBridgePiix3(PciBus bus) : base("piix3")
    {
        bus.Add(1, 0, this);
        Identify(0x7000, 0x0601_0000, headerType: 0x80, command: 0x0007, status: 0x0200);
        Declare(0x4C, 1, 0x4D, 0xFF);
        Declare(0x4E, 2, 0x0003, 0x01FF);
        for (var pin = 0; pin < 4; pin++)
        {
            Declare(0x60 + pin, 1, 0x80, 0x8F);
        }

        Declare(0x69, 1, 0x02, 0xFE);
        Declare(0x70, 1, 0x80, 0xEF);
        Declare(0x76, 2, 0x0C0C, 0x8F8F);
        Declare(0x78, 1, 0x02, 0xFF);
    }
}
