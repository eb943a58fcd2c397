using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// The bytes a guest wrote to an output device, oldest first. The first <see cref="Capacity"/> bytes are kept, so that a guest cannot exhaust the
/// host's memory; <see cref="Total"/> counts all of them, and <see cref="Written"/> sees all of them.
/// </summary>
public sealed class OutputSink
{
    /// <summary>Bytes kept at most: 16 MiB.</summary>
    public const int Capacity = 16 << 20;

    private byte[] _bytes = [];
    private int _count;
    private long _total;

    /// <summary>Raised for every byte as it is written.</summary>
    public event Action<byte>? Written;

    /// <summary>The bytes kept; valid until the next write.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _count);

    /// <summary>Number of bytes written, kept or not.</summary>
    public long Total => _total;

    internal void Write(byte value)
    {
        _total++;
        if (_count < Capacity)
        {
            if (_count == _bytes.Length)
            {
                Array.Resize(ref _bytes, Math.Min(Capacity, Math.Max(256, 2 * _count)));
            }

            _bytes[_count++] = value;
        }

        Written?.Invoke(value);
    }

    internal void Visit(string name, IStateVisitor visitor)
    {
        visitor.Enter(name);
        visitor.Value("total", ref _total);
        var kept = Bytes.ToArray();
        visitor.Bytes("bytes", ref kept);
        _bytes = kept;
        _count = kept.Length;
        visitor.Leave();
    }
}
