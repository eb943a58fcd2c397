namespace Harness.Scenarios;

/// <summary>Ends a mark where the scope ends; unused, the mark covers one instruction.</summary>
public readonly struct MarkScope : IDisposable
{
    private readonly GuestAssembler _assembler;
    private readonly string _name;

    internal MarkScope(GuestAssembler assembler, string name)
    {
        _assembler = assembler;
        _name = name;
    }

    public void Dispose() => _assembler.MarkEnd(_name);
}
