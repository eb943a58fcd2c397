namespace Harness.Engines.Interpret;

/// <summary>Hosted interpretation: every instruction is emulated, and the guest's devices are software.</summary>
public sealed class InterpretEngine : IEngine
{
    public string Name => "interpret";

    public string Description => "hosted interpretation of every instruction";

    public MonitorKind Kind => MonitorKind.Interpreter;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

    public bool Exposes(Feature feature) => true;

    public IMonitor Create(MonitorContext context)
    {
        var monitor = new WholeMachine(context, (retired, count) => retired.Emulated = count);
        context.Emulator.Delivering += (vector, kind) =>
        {
            if (kind is EventKind.ExternalInterrupt or EventKind.Nmi)
            {
                context.Ledger.Record(new EngineEvent
                {
                    Kind = EngineEventKind.Injection,
                    Cause = kind == EventKind.Nmi ? Vectors.Name(vector) : Vectors.NumberOf(vector),
                    Cpl = context.Emulator.Cpl,
                    Address = context.Emulator.NextInstruction,
                });
            }
        };
        return monitor;
    }
}
