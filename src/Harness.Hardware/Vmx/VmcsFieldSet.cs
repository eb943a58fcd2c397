namespace Harness.Hardware.Vmx;

/// <summary>Fields of a VMCS, as the stretches that they take of its image, and flags of Guest RFLAGS.</summary>
internal sealed class VmcsFieldSet
{
    private readonly List<(int Start, int Length)> _stretches = [];
    private readonly uint _flags;

    /// <param name="contains">Which fields.</param>
    /// <param name="flags">Which flags of Guest RFLAGS, where the field is not contained whole.</param>
    public VmcsFieldSet(Func<VmcsField, bool> contains, uint flags)
    {
        _flags = flags;
        int end = -1;
        foreach (VmcsFieldRow row in VmcsFields.Rows.Where(r => contains(r.Field)))
        {
            int start = row.Offset - VmcsFields.Start;
            if (start == end)
            {
                _stretches[^1] = (_stretches[^1].Start, _stretches[^1].Length + row.Size);
            }
            else
            {
                _stretches.Add((start, row.Size));
            }

            end = start + row.Size;
        }
    }

    /// <summary>Both have the same in all fields and flags of the set.</summary>
    public bool AreEqual(VmcsImage one, VmcsImage other)
    {
        if (((one.Low(VmcsField.GuestRflags) ^ other.Low(VmcsField.GuestRflags)) & _flags) != 0)
        {
            return false;
        }

        foreach ((int start, int length) in _stretches)
        {
            if (!one.Data.AsSpan(start, length).SequenceEqual(other.Data.AsSpan(start, length)))
            {
                return false;
            }
        }

        return true;
    }
}
