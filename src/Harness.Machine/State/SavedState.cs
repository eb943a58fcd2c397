namespace Harness.Machine.State;

/// <summary>An immutable copy of the state of a component: its elements by full name ("pic.master.irr"), in visiting order.</summary>
public sealed class SavedState
{
    private readonly List<KeyValuePair<string, byte[]>> _elements = [];
    private readonly Dictionary<string, byte[]> _byName = new(StringComparer.Ordinal);

    private SavedState()
    {
    }

    /// <summary>The elements in visiting order.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Elements => _elements;

    /// <summary>Copies the state of a component.</summary>
    /// <exception cref="InvalidOperationException">Two elements have the same name.</exception>
    public static SavedState Capture(IStateful component)
    {
        var state = new SavedState();
        component.Visit(new Saver(state));
        return state;
    }

    /// <summary>Gives a component the saved state.</summary>
    /// <exception cref="InvalidDataException">The component and the saved state do not have the same elements.</exception>
    public void ApplyTo(IStateful component)
    {
        var restorer = new Restorer(this);
        component.Visit(restorer);
        if (restorer.Count != _elements.Count)
        {
            throw new InvalidDataException(
                $"The saved state has {_elements.Count} elements, the component takes {restorer.Count}: it was saved by a machine of another shape.");
        }
    }

    private void Add(string name, byte[] bytes)
    {
        if (!_byName.TryAdd(name, bytes))
        {
            throw new InvalidOperationException($"Two elements of the state are named '{name}'.");
        }

        _elements.Add(new(name, bytes));
    }

    private abstract class Scoped
    {
        private readonly Stack<string> _scopes = new();

        private string _prefix = "";

        public void Enter(string name)
        {
            _scopes.Push(_prefix);
            _prefix += name + ".";
        }

        public void Leave() => _prefix = _scopes.Pop();

        protected string FullName(string name) => _prefix + name;
    }

    private sealed class Saver(SavedState state) : Scoped, IStateVisitor
    {
        public void Value<T>(string name, ref T value) where T : unmanaged =>
            state.Add(FullName(name), MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).ToArray());

        public void Bytes(string name, ref byte[] value) => state.Add(FullName(name), (byte[])value.Clone());
    }

    private sealed class Restorer(SavedState state) : Scoped, IStateVisitor
    {
        public int Count { get; private set; }

        public void Value<T>(string name, ref T value) where T : unmanaged
        {
            var target = MemoryMarshal.AsBytes(new Span<T>(ref value));
            var source = Find(name);
            if (source.Length != target.Length)
            {
                throw new InvalidDataException($"The saved element '{FullName(name)}' has {source.Length} bytes, {target.Length} were expected.");
            }

            source.CopyTo(target);
        }

        public void Bytes(string name, ref byte[] value)
        {
            var source = Find(name);
            if (source.Length != value.Length)
            {
                value = new byte[source.Length];
            }

            source.CopyTo(value, 0);
        }

        private byte[] Find(string name)
        {
            Count++;
            return state._byName.TryGetValue(FullName(name), out var bytes)
                ? bytes
                : throw new InvalidDataException($"The saved state has no element '{FullName(name)}': it was saved by a machine of another shape.");
        }
    }
}
