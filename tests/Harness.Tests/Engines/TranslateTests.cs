using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Translate;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Engines;

/// <summary>Translated code shows the guest nothing of the cache that it runs from.</summary>
internal sealed class TranslateTests
{
    private const int Rounds = 5;

    /// <summary>A kernel loop with calls, whose first instruction is another one in each round.</summary>
    private static readonly GuestImage _guest = Guest.Protected32(a =>
    {
        var function = a.CreateLabel("function");
        var end = a.CreateLabel("end");
        a.mov(ecx, Rounds);
        a.xor(ebx, ebx);
        var patched = a.Here("patched");
        a.mov(eax, 1);
        a.pushfd();
        a.popfd();
        a.call(function);
        a.mov(ebp, patched);
        a.inc(__byte_ptr[ebp + 1]);
        a.dec(ecx);
        a.jnz(patched);
        a.jmp(end);
        a.Label(function);
        a.add(ebx, eax);
        a.ret();
        a.Label(end);
        a.Done();
    });

    [Test]
    public void A_run_that_ends_at_any_tick_ends_with_the_registers_of_the_bare_machine()
    {
        long last = Requests.Run(new BareEngine(), _guest).Ticks;
        last.Should().BeGreaterThan(Rounds * 8);
        for (long limit = 1; limit < last; limit++)
        {
            EngineRun bare = Limited(new BareEngine(), limit);
            EngineRun translated = Limited(new TranslateEngine(), limit);
            translated.Final.Should().Be(bare.Final, "the run ends at tick {0}", limit);
        }
    }

    [Test]
    public void Code_that_the_kernel_rewrites_runs_as_rewritten()
    {
        EngineRun bare = Requests.Run(new BareEngine(), _guest);
        EngineRun translated = Requests.Run(new TranslateEngine(), _guest);

        bare.Final.Ebx.Should().Be(1 + 2 + 3 + 4 + 5);
        translated.Digest.Should().Be(bare.Digest);
        translated.Retired.Translated.Should().BePositive();
        translated.Ledger.Totals.Single(total => total.First is { Kind: EngineEventKind.InCache, Cause: "pushf" }).Count.Should().Be(Rounds);
    }

    private static EngineRun Limited(IEngine engine, long limit) => GuestRunner.Run(Requests.For(engine, _guest) with { MaxInstructions = limit });
}
