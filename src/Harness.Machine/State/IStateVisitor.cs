namespace Harness.Machine.State;

/// <summary>
/// Walks the state of a component as named elements. A component names each of its fields once, in one <c>Visit</c> method; saving,
/// restoring and comparing are visitors, so a field cannot be saved and not restored.
/// </summary>
public interface IStateVisitor
{
    /// <summary>Opens a scope: names that follow are relative to it until the matching <see cref="Leave"/>.</summary>
    void Enter(string name);

    /// <summary>Closes the innermost scope.</summary>
    void Leave();

    /// <summary>One value of a type without references, kept as its bytes in memory.</summary>
    void Value<T>(string name, ref T value) where T : unmanaged;

    /// <summary>A run of bytes whose length may differ from visit to visit.</summary>
    void Bytes(string name, ref byte[] value);
}

/// <summary>A component whose state can be saved and restored.</summary>
public interface IStateful
{
    /// <summary>Presents every element of the state, always in the same order.</summary>
    void Visit(IStateVisitor visitor);
}
