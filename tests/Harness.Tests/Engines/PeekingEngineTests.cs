using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Trap;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;

namespace Harness.Tests.Engines;

/// <summary>A monitor that repaired a leak by looking at what no monitor can see would be found out.</summary>
internal sealed class PeekingEngineTests
{
    private static readonly GuestImage LosesIf = Guest.Protected32(a =>
    {
        a.push(Flags.IF | Flags.Fixed);
        a.Mark("popf");
        a.popfd();
        a.Mark("after");
        a.nop();
        a.Done();
    });

    [Test]
    public void POPF_loses_IF()
    {
        Divergence first = FirstDivergence(TrapEngine.Trap013);

        (first.At, first.Value, first.Bare, first.Found).Should().Be(("popf", "eflags.IF", 1, 0));
    }

    [Test]
    public void An_inverse_map_that_reads_the_bare_run_fails_the_check_of_the_leak()
    {
        Divergence first = FirstDivergence(new PeekingEngine());

        first.At.Should().NotBe("popf", "what a scenario asserts of the leak is no longer so");
    }

    private static Divergence FirstDivergence(IEngine engine) =>
        Equivalence.Compare(Requests.Run(new BareEngine(), LosesIf), Requests.Run(engine, LosesIf)).FirstDivergence!;

    /// <summary>trap013 with an inverse map that takes IF from the bare run.</summary>
    private sealed class PeekingEngine : IEngine
    {
        private readonly SortedDictionary<long, uint> _flags = [];

        public PeekingEngine()
        {
            var window = new StepFilter(
                new StepWindow(1, long.MaxValue), 0, long.MaxValue, step => _flags[step.Tick] = step.Registers.SystemFlags);
            GuestRunner.Run(Requests.For(new BareEngine(), LosesIf), window, null);
        }

        public string Name => "peeking";

        public string Description => "trap013, and the truth about IF";

        public MonitorKind Kind => MonitorKind.Deprivileged;

        public string? NotApplicable(ProcessorModel model, GuestImage guest) => null;

        public IMonitor Create(MonitorContext context) => new Monitor(TrapEngine.Trap013.Create(context), context, _flags);

        private sealed class Monitor(IMonitor inner, MonitorContext context, SortedDictionary<long, uint> flags) : IMonitor
        {
            public string? StopReason => inner.StopReason;

            public bool IsEmulating => inner.IsEmulating;

            public GuestEnd Run(long limit) => inner.Run(limit);

            public void Translate(ref GuestRegisters registers)
            {
                inner.Translate(ref registers);
                if (flags.TryGetValue(context.Machine.Host.Processor.Ticks, out uint truth))
                {
                    registers.SystemFlags = (registers.SystemFlags & ~Eflags.IF) | (truth & Eflags.IF);
                }
            }

            public void Dispose() => inner.Dispose();
        }
    }
}
