using System.Globalization;

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>A port whose written bytes are kept. It reads as E9h, by which software knows that it is there.</summary>
internal sealed class DebugPort : Device, IPortDevice
{
    public DebugPort(Platform platform, ushort port) : base("debug" + port.ToString("X3", CultureInfo.InvariantCulture))
    {
        Port = port;
        platform.Ports.Map(port, 1, 1, this);
    }

    /// <summary>The port number.</summary>
    public ushort Port { get; }

    /// <summary>The bytes written.</summary>
    public OutputSink Output { get; } = new();

    public uint In(ushort port, int size) => 0xE9;

    public void Out(ushort port, int size, uint value) => Output.Write((byte)value);

    public override void Reset()
    {
    }

    public override void Visit(IStateVisitor visitor) => Output.Visit("output", visitor);
}
