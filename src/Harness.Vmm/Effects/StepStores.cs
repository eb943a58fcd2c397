using System.Runtime.InteropServices;

namespace Harness.Vmm;

/// <summary>
/// The bytes that one step has stored. Sizes and the order within a step are the engine's business: what counts is which bytes of RAM have other values afterwards than
/// before. A monitor may store a million of them in a step, in any order; so they are put in order once, when the step is closed.
/// </summary>
internal sealed class StepStores
{
    /// <summary>Of a key: the address, whether it is a device's, and the number in the step, by which the values are found.</summary>
    private const int AddressShift = 28;
    private const ulong Device = 1ul << 27;
    private const ulong Number = Device - 1;
    private readonly List<ulong> _keys = [];
    private readonly List<(byte Value, byte Before)> _values = [];
    private readonly List<MemoryEffect> _effects = [];

    /// <summary>A byte of RAM has got another value.</summary>
    public void Add(ulong address, byte value, byte before)
    {
        _keys.Add(address << AddressShift | (uint)_values.Count);
        _values.Add((value, before));
    }

    /// <summary>A device is told of a byte, whatever it held.</summary>
    public void AddDevice(ulong address, byte value)
    {
        _keys.Add(address << AddressShift | Device | (uint)_values.Count);
        _values.Add((value, 0));
    }

    /// <summary>What there is so far, in ascending order of addresses; valid until the next store.</summary>
    public ReadOnlySpan<MemoryEffect> Effects()
    {
        _effects.Clear();
        Span<ulong> keys = CollectionsMarshal.AsSpan(_keys);
        if (!IsAscending(keys))
        {
            keys.Sort();
        }

        ReadOnlySpan<(byte Value, byte Before)> values = CollectionsMarshal.AsSpan(_values);
        for (int i = 0; i < keys.Length;)
        {
            ulong place = keys[i] & ~Number;
            (byte value, byte before) = values[(int)(keys[i++] & Number)];
            bool isDevice = (place & Device) != 0;
            for (; !isDevice && i < keys.Length && (keys[i] & ~Number) == place; i++)
            {
                value = values[(int)(keys[i] & Number)].Value;
            }

            if (isDevice || value != before)
            {
                _effects.Add(new MemoryEffect(new GuestPhysicalAddress(place >> AddressShift), value));
            }
        }

        return CollectionsMarshal.AsSpan(_effects);
    }

    public void Clear()
    {
        _keys.Clear();
        _values.Clear();
    }

    private static bool IsAscending(ReadOnlySpan<ulong> keys)
    {
        for (int i = 1; i < keys.Length; i++)
        {
            if (keys[i - 1] > keys[i])
            {
                return false;
            }
        }

        return true;
    }
}
