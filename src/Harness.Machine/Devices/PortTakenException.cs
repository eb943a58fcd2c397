namespace Harness.Machine.Devices;

/// <summary>Two devices of a machine want one port, which only a choice of the user can bring about.</summary>
public sealed class PortTakenException(string message) : ArgumentException(message);
