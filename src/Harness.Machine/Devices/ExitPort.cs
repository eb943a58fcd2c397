namespace Harness.Machine.Devices;

/// <summary>The port by which a test program ends the run: the value v written, of any size, becomes the exit code 2v + 1.</summary>
internal sealed class ExitPort : IPortDevice
{
    private readonly Platform _platform;

    public ExitPort(Platform platform, ushort port)
    {
        _platform = platform;
        platform.Ports.Map(port, 1, 4, this);
    }

    public uint In(ushort port, int size) => uint.MaxValue;

    public void Out(ushort port, int size, uint value) => _platform.RequestExit(unchecked((int)(value * 2 + 1)));
}
