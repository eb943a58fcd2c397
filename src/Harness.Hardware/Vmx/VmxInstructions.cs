namespace Harness.Hardware.Vmx;

/// <summary>
/// The VMX instructions for a monitor written in C# that plays ring-0 code on a processor in root operation: the same checks and effects as the processor's
/// own, on the real VMCS. They cost no tick of the guest clock.
/// </summary>
public sealed class VmxInstructions
{
    private readonly Processor _processor;
    private readonly VmxUnit _unit;

    /// <exception cref="InvalidOperationException">The processor has no VT-x.</exception>
    public VmxInstructions(Processor processor)
    {
        _processor = processor;
        _unit = processor.Intercepts as VmxUnit
            ?? throw new InvalidOperationException($"Model '{processor.Model.Name}' has no VT-x: add VmxExtension to a model with the feature Vmx.");
    }

    /// <summary>For a monitor that is given the unit and not the processor.</summary>
    public VmxInstructions(VmxUnit unit)
    {
        _unit = unit;
        _processor = unit.Processor;
    }

    /// <summary>What counts VMX instructions, entries and exits is set there.</summary>
    public VmxUnit Unit => _unit;

    public VmxResult Vmxon(PhysicalAddress region)
    {
        if (_unit.RefusesVmxon() is { } vector)
        {
            throw Refused("VMXON", vector);
        }

        return Reported("VMXON", _unit.Vmxon(region.Value));
    }

    public VmxResult Vmxoff()
    {
        ExpectRoot("VMXOFF");
        return Reported("VMXOFF", _unit.Vmxoff());
    }

    public VmxResult Vmclear(PhysicalAddress region)
    {
        ExpectRoot("VMCLEAR");
        return Reported("VMCLEAR", _unit.Vmclear(region.Value));
    }

    public VmxResult Vmptrld(PhysicalAddress region)
    {
        ExpectRoot("VMPTRLD");
        return Reported("VMPTRLD", _unit.Vmptrld(region.Value));
    }

    /// <summary>What VMPTRST stores: the current VMCS, all ones for none.</summary>
    public PhysicalAddress Vmptrst()
    {
        ExpectRoot("VMPTRST");
        Reported("VMPTRST", VmxResult.Succeed);
        return new PhysicalAddress(_unit.Vmptrst());
    }

    /// <summary>Reads a field; one of 64 bits by two instructions, as a 32-bit monitor has to.</summary>
    /// <exception cref="InvalidOperationException">VMREAD fails: there is no current VMCS.</exception>
    public ulong Vmread(VmcsField field)
    {
        ExpectRoot("VMREAD");
        uint low = ReadHalf((uint)field);
        return VmcsFields.Row(field).Width == VmcsWidth.Bits64 ? low | (ulong)ReadHalf((uint)field + 1) << 32 : low;
    }

    /// <summary>Writes a field; one of 64 bits by two instructions.</summary>
    public VmxResult Vmwrite(VmcsField field, ulong value)
    {
        ExpectRoot("VMWRITE");
        VmxResult result = Reported("VMWRITE", _unit.Vmwrite((uint)field, (uint)value));
        return result.Succeeded && VmcsFields.Row(field).Width == VmcsWidth.Bits64
            ? Reported("VMWRITE", _unit.Vmwrite((uint)field + 1, (uint)(value >> 32)))
            : result;
    }

    /// <summary>After success the processor has the guest's state, or the host's if an exit followed at once: run it until it is at HOST_RIP.</summary>
    public VmxResult Vmlaunch()
    {
        ExpectRoot("VMLAUNCH");
        return Entered("VMLAUNCH", _unit.Vmlaunch());
    }

    /// <summary>As <see cref="Vmlaunch"/>.</summary>
    public VmxResult Vmresume()
    {
        ExpectRoot("VMRESUME");
        return Entered("VMRESUME", _unit.Vmresume());
    }

    private uint ReadHalf(uint encoding)
    {
        VmxResult result = Reported("VMREAD", _unit.Vmread(encoding, out uint value));
        return result.Succeeded ? value : throw new InvalidOperationException($"VMREAD of field {encoding:X4}h failed: {result}.");
    }

    private void ExpectRoot(string name)
    {
        if (!_unit.IsInRootOperation)
        {
            Refuse(name);
        }
    }

    private void Refuse(string name)
    {
        if (_unit.IsUndefined)
        {
            throw Refused(name, Vector.UD);
        }

        if (_processor.State.Cpl != 0)
        {
            throw Refused(name, Vector.GP);
        }

        throw new InvalidOperationException($"{name} in non-root operation: the monitor has control only after a VM exit.");
    }

    private VmxResult Reported(string name, VmxResult result)
    {
        if (_unit.Events is not null)
        {
            VmxUnit.Report(_unit, name, result);
        }

        return result;
    }

    /// <summary>An entry that succeeds has told of itself before the guest's first event.</summary>
    private VmxResult Entered(string name, VmxResult result) => result.Succeeded ? result : Reported(name, result);

    private static InvalidOperationException Refused(string name, Vector vector) =>
        new($"{name} raises {Vectors.Name((byte)vector)} here: VMXON needs CR0.PE, CR4.VMXE, fixed bits of CR0 and CR4, IA32_FEATURE_CONTROL = 5 and CPL 0; the others VMX operation.");
}
