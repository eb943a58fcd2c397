namespace Harness.NativeOracle;

/// <summary>Compares what two runners did with one case, undefined parts apart.</summary>
public static class Comparison
{
    /// <summary>What differs, as text for people, or null.</summary>
    /// <param name="test">The case.</param>
    /// <param name="expected">What the oracle did; it decides what is undefined.</param>
    /// <param name="actual">What the other runner did.</param>
    public static string? Difference(Case test, CaseResult expected, CaseResult actual)
    {
        UndefinedParts undefined = Undefined.After(test, expected);
        if (undefined.PopWidth && actual.Fault is { Vector: 12 or 14 or 17 })
        {
            return null;
        }

        bool anyFault = undefined.FaultOrder && expected.Fault is not null && actual.Fault is not null;
        if (expected.Fault != actual.Fault && !anyFault)
        {
            return $"fault: expected {CaseText.Describe(expected.Fault)}, found {CaseText.Describe(actual.Fault)}";
        }

        for (int i = 0; i < 8; i++)
        {
            if (((expected.After.Gpr[i] ^ actual.After.Gpr[i]) & ~undefined.Gpr[i]) != 0)
            {
                return $"{CaseText.RegisterNames[i]}: expected {expected.After.Gpr[i]:X8}h, found {actual.After.Gpr[i]:X8}h";
            }
        }

        for (int i = 0; i < 6; i++)
        {
            // SDM Vol. 2A, IRET: a return to an outer ring clears the selector of an unusable segment, so that an interrupt behind the instruction, which
            // nobody can keep away from the processor, turns the null selectors 1 to 3 into 0 (Intel does so, AMD does not).
            bool cleared = expected.After.Segments[i] == 0 && actual.After.Segments[i] < 4;
            if (expected.After.Segments[i] != actual.After.Segments[i] && !cleared)
            {
                return $"{CaseText.SegmentNames[i]}: expected {expected.After.Segments[i]:X4}h, found {actual.After.Segments[i]:X4}h";
            }
        }

        if (expected.After.Eip != actual.After.Eip)
        {
            return $"EIP: expected {expected.After.Eip:X8}h, found {actual.After.Eip:X8}h";
        }

        uint flags = (expected.After.Eflags ^ actual.After.Eflags) & ~undefined.Eflags;
        if (flags != 0)
        {
            return $"EFLAGS: expected {expected.After.Eflags:X}h, found {actual.After.Eflags:X}h, differing {CaseText.FlagNames(flags)}";
        }

        return undefined.Memory ? null : MemoryDifference(test, undefined, expected, actual);
    }

    private static string? MemoryDifference(Case test, in UndefinedParts undefined, CaseResult expected, CaseResult actual)
    {
        SortedDictionary<uint, byte> wanted = Flatten(expected.Changes);
        SortedDictionary<uint, byte> found = Flatten(actual.Changes);
        if (undefined.StackHole >= 0)
        {
            Descriptor stack = World.Find(test.Before.Segments[2])!.Value;
            for (uint i = 0; i < 2; i++)
            {
                uint offset = expected.After.Gpr[4] + (uint)undefined.StackHole + i;
                uint address = stack.Base + (stack.Big ? offset : offset & 0xFFFF);
                wanted.Remove(address);
                found.Remove(address);
            }
        }

        foreach ((uint address, byte value) in wanted)
        {
            if (!found.Remove(address, out byte other))
            {
                return $"memory {address:X8}h: expected a change to {value:X2}h, found none";
            }

            if (other != value)
            {
                return $"memory {address:X8}h: expected {value:X2}h, found {other:X2}h";
            }
        }

        foreach ((uint address, byte value) in found)
        {
            return $"memory {address:X8}h: expected no change, found {value:X2}h";
        }

        return null;
    }

    private static SortedDictionary<uint, byte> Flatten(IReadOnlyList<MemoryBytes> changes)
    {
        var bytes = new SortedDictionary<uint, byte>();
        foreach (MemoryBytes change in changes)
        {
            for (int i = 0; i < change.Bytes.Length; i++)
            {
                bytes[change.Address + (uint)i] = change.Bytes[i];
            }
        }

        return bytes;
    }
}
