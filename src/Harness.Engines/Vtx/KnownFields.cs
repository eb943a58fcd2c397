using Harness.Hardware.Vmx;

namespace Harness.Engines.Vtx;

/// <summary>
/// The current VMCS by VMREAD and VMWRITE, and which values its fields are known to have: what has been read or written stays, but for what VM exits save
/// (SDM Vol. 3C, 27.3). A write of what is there already is left out; most exits change few registers.
/// </summary>
internal sealed class KnownFields(VmxInstructions vmx)
{
    private readonly Known[] _known = new Known[VmcsFields.End];

    /// <summary>Counts VM exits; 0 is before the first field was written.</summary>
    private int _era = 1;

    private struct Known
    {
        public ulong Value;
        public int Era;
    }

    /// <summary>The guest has run: what VM exits write is not known any more.</summary>
    public void NoteExit() => _era++;

    public ulong Read(VmcsField field)
    {
        ulong value = vmx.Vmread(field);
        Note(VmcsFields.Row(field), value);
        return value;
    }

    /// <exception cref="InvalidOperationException">The field cannot be written: a defect of the monitor.</exception>
    public void Write(VmcsField field, ulong value)
    {
        VmcsFieldRow row = VmcsFields.Row(field);
        ref Known known = ref _known[row.Offset];
        if (known.Value == value && (known.Era == _era || (known.Era != 0 && !IsWrittenByExits(row))))
        {
            return;
        }

        VmxResult result = vmx.Vmwrite(field, value);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"VMWRITE of {field} failed: {result.Error}.");
        }

        Note(row, value);
    }

    private void Note(VmcsFieldRow row, ulong value) => _known[row.Offset] = new Known { Value = value, Era = _era };

    /// <summary>The guest-state area, the exit information, and the valid bit of the event that was injected (SDM Vol. 3C, 27.2.1 and 27.3).</summary>
    private static bool IsWrittenByExits(VmcsFieldRow row) =>
        row.Type is VmcsType.Guest or VmcsType.ReadOnly || row.Field == VmcsField.EntryInterruptionInformation;
}
