namespace Harness.Hardware.Vmx;

/// <summary>What the VMX instructions do in root operation, once their operands are known (SDM Vol. 3C, chapter 30).</summary>
public sealed partial class VmxUnit
{
    /// <summary>#UD and #GP of VMXON outside VMX operation; null: it may execute.</summary>
    internal Vector? RefusesVmxon()
    {
        ref CpuState state = ref _processor.State;
        if ((state.System.Cr0 & Cr0.PE) == 0 || (state.System.Cr4 & Cr4.VMXE) == 0 || (state.OtherFlags & Eflags.VM) != 0)
        {
            return Vector.UD;
        }

        bool ready = _inOperation
            || (_processor.Memory.AddressMask == uint.MaxValue
                && Capabilities.AllowsControl(0, state.System.Cr0) && Capabilities.AllowsControl(4, state.System.Cr4)
                && _featureControl == (FeatureLock | FeatureVmx));
        return state.Cpl > 0 || !ready ? Vector.GP : null;
    }

    /// <summary>#UD of all others: outside VMX operation or of protected mode. VMX operation implies CR0.PE.</summary>
    internal bool IsUndefined => !_inOperation || (_processor.State.OtherFlags & Eflags.VM) != 0;

    /// <summary>VMX instructions other than VMXON execute, and neither fault nor exit.</summary>
    internal bool IsInRootOperation => !IsUndefined && _processor.State.Cpl == 0 && !_processor.IsGuest;

    internal VmxResult Vmxon(ulong address)
    {
        if (_inOperation)
        {
            return Fail(VmInstructionError.VmxonInRoot);
        }

        if (!IsRegion(address) || _region.Revision(address) != Capabilities.Revision)
        {
            return VmxResult.FailInvalid;
        }

        _vmxonPointer = address;
        _current = NoPointer;
        _inOperation = true;
        return VmxResult.Succeed;
    }

    internal VmxResult Vmxoff()
    {
        _inOperation = false;
        _vmxonPointer = _current = NoPointer;
        return VmxResult.Succeed;
    }

    internal VmxResult Vmclear(ulong address)
    {
        if (!IsRegion(address))
        {
            return Fail(VmInstructionError.VmclearInvalidAddress);
        }

        if (address == _vmxonPointer)
        {
            return Fail(VmInstructionError.VmclearVmxonPointer);
        }

        _region.SetLaunched(address, false);
        if (address == _current)
        {
            _current = NoPointer;
        }

        return VmxResult.Succeed;
    }

    internal VmxResult Vmptrld(ulong address)
    {
        if (!IsRegion(address))
        {
            return Fail(VmInstructionError.VmptrldInvalidAddress);
        }

        if (address == _vmxonPointer)
        {
            return Fail(VmInstructionError.VmptrldVmxonPointer);
        }

        if (_region.Revision(address) != Capabilities.Revision)
        {
            return Fail(VmInstructionError.VmptrldIncorrectRevision);
        }

        _current = address;
        return VmxResult.Succeed;
    }

    /// <summary>What VMPTRST stores: all ones without a current VMCS.</summary>
    internal ulong Vmptrst() => _current;

    internal VmxResult Vmread(uint encoding, out uint value)
    {
        value = 0;
        if (_current == NoPointer)
        {
            return VmxResult.FailInvalid;
        }

        if (VmcsFields.Find(encoding) is not { } field)
        {
            return Fail(VmInstructionError.UnsupportedField);
        }

        ulong whole = _region.Read(_current, field);
        value = (uint)(IsHigh(encoding) ? whole >> 32 : whole);
        return VmxResult.Succeed;
    }

    internal VmxResult Vmwrite(uint encoding, uint value)
    {
        if (_current == NoPointer)
        {
            return VmxResult.FailInvalid;
        }

        if (VmcsFields.Find(encoding) is not { } field)
        {
            return Fail(VmInstructionError.UnsupportedField);
        }

        if (field.Type == VmcsType.ReadOnly)
        {
            return Fail(VmInstructionError.VmwriteReadOnly);
        }

        ulong kept = field.Width == VmcsWidth.Bits64 && IsHigh(encoding) ? (uint)_region.Read(_current, field) : 0;
        _region.Write(_current, field, IsHigh(encoding) ? kept | (ulong)value << 32 : value);
        return VmxResult.Succeed;
    }

    internal VmxResult Vmlaunch() => Enter(launch: true);

    internal VmxResult Vmresume() => Enter(launch: false);

    internal VmxResult Vmcall() => Fail(VmInstructionError.VmcallInRoot);

    internal static void Report(VmxUnit unit, string name, VmxResult result) => unit.Events?.Instruction(name, result.Outcome switch
    {
        VmxOutcome.Succeed => 0,
        VmxOutcome.FailInvalid => -1,
        _ => (int)result.Error,
    });

    /// <summary>VMfail: with a number in the current VMCS, or invalid where there is none (SDM Vol. 3C, 30.2).</summary>
    private VmxResult Fail(VmInstructionError error)
    {
        if (_current == NoPointer)
        {
            return VmxResult.FailInvalid;
        }

        _region.Write(_current, VmcsFields.Row(VmcsField.InstructionError), (uint)error);
        return new VmxResult(VmxOutcome.FailValid, error);
    }

    private bool IsRegion(ulong address) => (address & 0xFFF) == 0 && Capabilities.IsPhysical(address);

    private static bool IsHigh(uint encoding) => (encoding & 1) != 0;
}
