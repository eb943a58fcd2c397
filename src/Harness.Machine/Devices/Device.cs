using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>A part of the chipset: what <see cref="Platform"/> needs of each to drive time, reset and state.</summary>
internal abstract class Device(string name)
{
    /// <summary>The tick at which <see cref="Expire"/> is due; <see cref="long.MaxValue"/> when nothing is.</summary>
    public long Deadline = long.MaxValue;

    /// <summary>The scope of the device's elements in a saved state.</summary>
    public string Name { get; } = name;

    /// <summary>Does what is due at <see cref="Deadline"/> and sets the next one.</summary>
    public virtual void Expire()
    {
    }

    /// <summary>Takes the state that a hardware reset leaves.</summary>
    public abstract void Reset();

    /// <summary>Presents the state, <see cref="Deadline"/> excepted.</summary>
    public abstract void Visit(IStateVisitor visitor);

    /// <summary>Renews what is derived from the state and lies outside the device, after the state was visited by a restorer.</summary>
    public virtual void AfterVisit()
    {
    }
}
