using Harness.Engines.Bare;
using Harness.Engines.Hybrid;
using Harness.Engines.Interpret;
using Harness.Engines.Translate;
using Harness.Engines.Paravirt;
using Harness.Engines.Trap;
using Harness.Engines.Vtx;
using Harness.Vmm;

namespace Harness;

/// <summary>The engines that come with the harness. Nothing else names them.</summary>
public static class EngineRegistry
{
    /// <summary>The reference first.</summary>
    public static IReadOnlyList<IEngine> All { get; } =
    [
        new BareEngine(),
        new InterpretEngine(),
        TrapEngine.Trap013,
        TrapEngine.Trap033,
        new HybridEngine(),
        new TranslateEngine(),
        new ParavirtEngine(),
        new VtxEngine(),
    ];

    /// <summary>The reference.</summary>
    public static IEngine Bare => All[0];

    /// <summary>The engine of that name, or null.</summary>
    public static IEngine? Find(string name) => All.FirstOrDefault(e => e.Name == name);
}
