using FluentAssertions;
using Harness.Engines.Bare;
using Harness.Engines.Translate;
using Harness.Isa;
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
        a.mov(edi, 1);
        a.pushfd();
        a.cli();
        a.rdtsc();
        a.add(esi, eax);
        a.sti();
        a.popfd();
        a.mov(eax, function);
        a.call(eax);
        a.mov(ebp, patched);
        a.inc(__byte_ptr[ebp + 1]);
        a.loop(patched);
        a.jmp(end);
        a.Label(function);
        a.add(ebx, edi);
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

    [Test]
    public void A_guest_that_runs_on_other_page_tables_keeps_the_translation_of_pages_that_are_where_they_were()
    {
        const uint Tables = 0x30000;
        const int Loads = 100;
        GuestImage guest = Guest.Protected32(a =>
        {
            var tables = new PageTables(GuestPaging.Paging32, Tables);
            tables.Map(0, 0, 0x100000, PageRights.Write);
            a.mov(eax, tables.Directory);
            a.mov(cr3, eax);
            a.mov(eax, cr0);
            a.or(eax, Cr0.PG);
            a.mov(cr0, eax);
            a.mov(ecx, Loads);
            var again = a.Here("again");
            a.mov(eax, cr3);
            a.mov(cr3, eax);
            a.dec(ecx);
            a.jnz(again);

            // The kernel's own page, which has been accessed, as if it had not been.
            a.and(__dword_ptr[Tables + 0x1000 + 0x10 * 4], ~0x20);
            a.mov(eax, cr3);
            a.mov(cr3, eax);
            a.mov(ebx, __dword_ptr[Tables + 0x1000 + 0x10 * 4]);
            a.Done();
            tables.Emit(a);
        });
        EngineRun bare = Requests.Run(new BareEngine(), guest);
        EngineRun translated = Requests.Run(new TranslateEngine(), guest);

        (bare.Final.Ebx & 0x20).Should().Be(0x20);
        translated.Digest.Should().Be(bare.Digest);
        long Of(string cause) => translated.Ledger.Totals.Where(total => total.First is { Kind: EngineEventKind.Translation } first && first.Cause == cause).Sum(total => total.Count);
        Of("remap").Should().BeInRange(1, Loads / 10, "only paging that begins and the cleared bit make another translation necessary");
    }

    private static EngineRun Limited(IEngine engine, long limit) => GuestRunner.Run(Requests.For(engine, _guest) with { MaxInstructions = limit });
}
