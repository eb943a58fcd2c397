using System.Buffers.Binary;

namespace Harness.Engines.Paravirt;

/// <summary>Where a kernel wants its faults and interrupts: handlers by vector, and the stack for entries from ring 3.</summary>
internal sealed class GuestTraps
{
    private const byte FirstSoftwareVector = 0x20;
    private readonly Handler?[] _handlers = new Handler?[256];
    private readonly MonitorRegion _region;
    private readonly byte _hostVector;

    /// <summary>By vector, the gates into the kernel itself.</summary>
    private readonly SortedDictionary<byte, Descriptor> _direct = [];
    private bool _leadsDirectly = true;

    public GuestTraps(IHost host, MonitorRegion region)
    {
        _region = region;
        _hostVector = host.HostInterruptVector;
        region.Open(ParavirtInterface.Vector, ParavirtInterface.KernelRing);
    }

    /// <summary>SS and ESP.</summary>
    public (ushort Ss, uint Esp) Stack { get; private set; }

    public Handler? Find(byte vector) => _handlers[vector];

    public void SetStack(ushort ss, uint esp)
    {
        Stack = ((ushort)((ss & ~Selector.RplMask) | ParavirtInterface.KernelRing), esp);
        _region.SetStack1(Stack.Ss, esp);
    }

    /// <summary>
    /// Registers one entry. INT n reaches the monitor where the entry's DPL lets a program use it, or the kernel itself where it asks for that; a trap gate,
    /// because the processor's own IF has to stay set.
    /// </summary>
    public int Set(ReadOnlySpan<byte> entry)
    {
        byte vector = entry[0];
        byte flags = entry[1];
        int dpl = flags & ParavirtInterface.TrapDpl;
        ushort selector = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
        if (selector >= ParavirtInterface.GdtBytes || Selector.IsLocal(selector))
        {
            // Behind the guest's page lie the monitor's segments: a direct gate to one would lead into ring 0.
            return HypercallResult.NotPermitted;
        }

        _handlers[vector] = new Handler(selector, offset, (flags & ParavirtInterface.TrapMasks) != 0);
        if (vector == ParavirtInterface.Vector || vector == _hostVector || Vectors.HasErrorCode((Vector)vector))
        {
            // INT n at the vector of an exception with an error code pushes none: the monitor would take its frame for another.
            return HypercallResult.Done;
        }

        _direct.Remove(vector);
        if ((flags & ParavirtInterface.TrapDirect) != 0 && vector is >= FirstSoftwareVector or (byte)Vector.BP or (byte)Vector.OF)
        {
            var real = (ushort)((selector & ~Selector.RplMask) | ParavirtInterface.KernelRing);
            _direct[vector] = Descriptor.Gate(real, offset, SystemType.TrapGate32, dpl);
        }

        WriteGate(vector, dpl);
        return HypercallResult.Done;
    }

    /// <summary>
    /// Whether direct gates lead to the kernel or to the monitor. The processor puts its own IF, 1, and its own IOPL, 0, into the frame: a program that has others
    /// would lose them.
    /// </summary>
    public void LeadDirectly(bool leads)
    {
        if (_leadsDirectly == leads)
        {
            return;
        }

        _leadsDirectly = leads;
        foreach (var (vector, gate) in _direct)
        {
            WriteGate(vector, gate.Dpl);
        }
    }

    private void WriteGate(byte vector, int dpl)
    {
        if (_leadsDirectly && _direct.TryGetValue(vector, out Descriptor gate))
        {
            _region.WriteGate(vector, gate);
        }
        else
        {
            _region.Open(vector, dpl == 0 ? ParavirtInterface.KernelRing : dpl);
        }
    }

    /// <param name="Selector">Of the kernel's code.</param>
    /// <param name="Offset">In that segment.</param>
    /// <param name="Masks">Interrupts are masked at the entry.</param>
    internal readonly record struct Handler(ushort Selector, uint Offset, bool Masks);
}
