using Harness.Engines.Bare;
using Harness.Isa;
using Harness.Machine;
using Harness.Vmm;

namespace Harness.Tests.Vmm;

/// <summary>The bare machine, run in slices, with something done to it when the clock reaches a tick.</summary>
internal sealed class LyingEngine(long tick, Action<MonitorContext> lie, long slice = long.MaxValue) : IEngine
{
    public string Name => "lying";

    public string Description => "the bare machine, tampered with";

    public MonitorKind Kind => MonitorKind.Interpreter;

    public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

    public bool Exposes(Feature feature) => true;

    public IMonitor Create(MonitorContext context) => new Monitor(context, tick, lie, slice);

    private sealed class Monitor(MonitorContext context, long tick, Action<MonitorContext> lie, long slice) : IMonitor
    {
        private readonly IMonitor _bare = new BareEngine().Create(context);
        private bool _lied;

        public string? StopReason => null;

        public bool IsEmulating => true;

        public GuestEnd Run(long limit)
        {
            while (true)
            {
                long now = context.Machine.Clock.Ticks;
                if (!_lied && now >= tick)
                {
                    _lied = true;
                    lie(context);
                    context.Emulator.StateChanged();
                }

                long next = Math.Min(limit, _lied ? long.MaxValue : tick);
                next = slice < next - now ? now + slice : next;
                GuestEnd end = _bare.Run(next);
                if (end != GuestEnd.Limit || context.Machine.Clock.Ticks >= limit)
                {
                    return end;
                }
            }
        }

        public void Translate(ref GuestRegisters registers)
        {
        }

        public void Dispose() => _bare.Dispose();
    }
}
