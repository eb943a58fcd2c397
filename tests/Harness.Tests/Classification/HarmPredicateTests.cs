using FluentAssertions;
using Harness.Engines.Trap;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using Harness.Vmm.Classification;
using Iced.Intel;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Classification;

public sealed class HarmPredicateTests
{
    /// <summary>They arrive at the monitor by its own IDT or MSRs.</summary>
    private static readonly Mnemonic[] LeadToTheMonitor = [Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Sysenter];

    [TestCase("yonah")]
    [TestCase("pentium")]
    public void Every_form_that_is_sensitive_and_not_privileged_has_a_rule(string cpu)
    {
        int forms = 0;
        foreach (FormVerdict verdict in Classified.Of(cpu, GuestMode.Protected))
        {
            ConfigurationVerdict under = verdict.Configurations.Single(c => c.Configuration == MonitorConfiguration.Trapping);
            if (under.IsPrivileged || !under.IsSensitive())
            {
                continue;
            }

            var decoder = Decoder.Create(32, under.Findings[0].Witness.Setting.Code);
            Instruction instruction = decoder.Decode();
            (HarmPredicate.Covers(instruction) || LeadToTheMonitor.Contains(instruction.Mnemonic)).Should().BeTrue("of {0}", verdict.Form);
            forms++;
        }

        forms.Should().BeGreaterThan(90);
    }

    [Test]
    public void The_first_harmful_execution_is_the_first_that_shows_another_state()
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            a.smsw(ax);
            a.mov(ax, ds);
            a.Mark("harmful");
            a.mov(ax, cs);
            a.sidt(__[esp - 16]);
            a.Done();
        });

        EngineRun run = Requests.Run(TrapEngine.Trap013, guest);

        guest.Locate(run.FirstHarm!.Address).Should().Be("harmful", "SMSW shows the same 16 bits, and DS no level");
        run.FirstHarm.Component.Should().Be("cs");
        Run("vtx", guest).FirstHarm.Should().BeNull("the processor keeps the guest's own state");
        Run("interpret", guest).FirstHarm.Should().BeNull("nothing runs directly");
    }

    private static EngineRun Run(string engine, GuestImage guest) =>
        GuestRunner.Run(Requests.For(EngineRegistry.Find(engine)!, guest) with { Model = ModelRegistry.Load("yonah") });

    /// <summary>With IF = 1 and IOPL = 0 virtual and real flags are the same.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void The_state_decides_and_not_the_instruction(bool enabled)
    {
        GuestImage guest = Guest.Protected32(a =>
        {
            if (enabled)
            {
                // The instruction in the shadow of STI is emulated.
                a.sti();
                a.nop();
            }

            a.pushfd();
            a.pop(eax);
            a.Done();
        });

        EngineRun run = Requests.Run(TrapEngine.Trap013, guest);

        (run.FirstHarm is null).Should().Be(enabled);
        Equivalence.Compare(Requests.Run(EngineRegistry.Bare, guest), run).Holds.Should().Be(enabled);
    }
}
