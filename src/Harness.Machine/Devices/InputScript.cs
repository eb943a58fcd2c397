using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>The bytes that wait to reach an input device, each with its earliest tick.</summary>
internal sealed class InputScript
{
    private readonly List<(long Tick, byte Value)> _bytes = [];
    private int _taken;

    public InputScript(IReadOnlyList<TimedInput> inputs)
    {
        foreach (var input in inputs)
        {
            Add(input.Tick, input.Data.Span);
        }
    }

    /// <summary>The earliest tick of the next byte; <see cref="long.MaxValue"/> when none is left.</summary>
    public long NextTick => _taken < _bytes.Count ? _bytes[_taken].Tick : long.MaxValue;

    /// <summary>Appends bytes.</summary>
    public void Add(long tick, ReadOnlySpan<byte> data)
    {
        foreach (var value in data)
        {
            _bytes.Add((tick, value));
        }
    }

    /// <summary>Takes the next byte if its tick has come.</summary>
    public bool TryTake(long now, out byte value)
    {
        value = 0;
        if (now < NextTick)
        {
            return false;
        }

        value = _bytes[_taken++].Value;
        return true;
    }

    /// <summary>What is left, each byte with its tick: input that was added while running is restored too.</summary>
    public void Visit(IStateVisitor visitor)
    {
        var left = new byte[9 * (_bytes.Count - _taken)];
        for (var i = 0; i < left.Length / 9; i++)
        {
            BitConverter.TryWriteBytes(left.AsSpan(9 * i), _bytes[_taken + i].Tick);
            left[9 * i + 8] = _bytes[_taken + i].Value;
        }

        visitor.Bytes("script", ref left);
        _bytes.Clear();
        _taken = 0;
        for (var i = 0; i < left.Length / 9; i++)
        {
            _bytes.Add((BitConverter.ToInt64(left, 9 * i), left[9 * i + 8]));
        }
    }
}
