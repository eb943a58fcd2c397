namespace Harness.Machine.Devices;

/// <summary>A device whose ports lie where a base register says.</summary>
internal interface IRelocatablePorts : IPortDevice
{
    /// <summary>The widest access taken whole at a port, 0 when the port is not the device's.</summary>
    int WidestAt(ushort port);
}
