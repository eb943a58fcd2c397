namespace Harness.Machine.Devices;

/// <summary>
/// The IDE function of the 82371SB (00:01.1): both channels at their compatible ports. Bus mastering is not modelled, so neither the programming
/// interface nor a base address register announces it. Source: 82371SB data sheet, 2.3.
/// </summary>
internal sealed class IdeFunction : PciFunction
{
    public IdeFunction(PciBus bus) : base("piix3-ide")
    {
        bus.Add(1, 1, this);
        Identify(0x7010, 0x0101_0000, headerType: 0x00, command: 0x0001, status: 0x0280);

        // IDETIM of both channels: decode enabled, as the ports always are.
        Declare(0x40, 4, 0x8000_8000, 0x7FFF_7FFF);
    }
}
