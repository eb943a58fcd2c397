using FluentAssertions;
using Harness.Isa;
using Harness.Machine.Devices;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Scenarios;

/// <summary>Processes of a built kernel: memory that they share and give back, children that they wait for.</summary>
internal sealed class GuestProcessTests
{
    private const uint Shared = GuestLayout.ProcessBase + 0x8000;
    private const uint Demand = GuestLayout.ProcessBase + GuestLayout.ProcessBytes;
    private const uint Results = 0x9800;

    [TestCase(GuestPaging.Paging32)]
    [TestCase(GuestPaging.Pae)]
    public void Fork_copies_the_process(GuestPaging paging)
    {
        using GuestRun run = Run(paging, (k, u) =>
        {
            GuestLabel child = u.CreateLabel("child");
            u.push(77);
            k.Fork(u);
            u.test(eax, eax);
            u.je(child);
            u.mov(__dword_ptr[esp], 78);
            k.Yield(u);
            u.pop(ebx);
            Keep(u, 0);
            k.Print(u, "parent");
            k.Exit(u);
            u.Label(child);
            k.Print(u, "child ");
            u.pop(ebx);
            Keep(u, 1);
        });

        run.Console.Should().Be("child parent");
        run.Doubleword(Results).Should().Be(78);
        run.Doubleword(Results + 4).Should().Be(77);
    }

    [TestCase(GuestPaging.Paging32)]
    [TestCase(GuestPaging.Pae)]
    public void The_kernel_that_writes_to_a_shared_page_copies_it_too(GuestPaging paging)
    {
        using GuestRun run = Run(paging, (k, u) =>
        {
            GuestLabel child = u.CreateLabel("child");
            k.Fork(u);
            u.test(eax, eax);
            u.je(child);
            k.Wait(u);
            u.mov(ebx, __dword_ptr[Shared]);
            Keep(u, 0);
            k.Exit(u);
            u.Label(child);
            u.mov(eax, 1);
            u.@int(GuestKernel.SystemCallVector);
            u.mov(ebx, __dword_ptr[Shared]);
            Keep(u, 1);
        });

        run.Doubleword(Results).Should().Be(0);
        run.Doubleword(Results + 4).Should().Be(9);
    }

    [Test]
    public void Pages_come_back_when_a_process_ends()
    {
        using GuestRun run = Run(GuestPaging.Paging32, (k, u) =>
        {
            // 1 MiB has room for 80 pages beside the program's own: a page that is lost each time is missed soon.
            k.DemandPages = 40;
            GuestLabel child = u.CreateLabel("child");
            GuestLabel next = u.CreateLabel("next");
            Touch(u, 40);
            u.mov(esi, 20);
            u.Label(next);
            k.Fork(u);
            u.test(eax, eax);
            u.je(child);
            k.Wait(u);
            u.dec(esi);
            u.jne(next);
            u.mov(ebx, __dword_ptr[Demand]);
            Keep(u, 0);
            k.Exit(u);
            u.Label(child);
            Touch(u, 30);
        });

        run.Value.Should().BeLessThan((int)Guest.UnhandledInterrupt);
        run.Doubleword(Results).Should().Be(1);
    }

    [Test]
    public void A_child_that_has_ended_is_kept_until_its_parent_asks()
    {
        using GuestRun run = Run(GuestPaging.Paging32, (k, u) =>
        {
            GuestLabel child = u.CreateLabel("child");
            k.Fork(u);
            u.test(eax, eax);
            u.je(child);
            u.mov(ebx, eax);
            Keep(u, 0);
            k.Yield(u);
            k.Wait(u);
            u.mov(ebx, eax);
            Keep(u, 1);
            k.Wait(u);
            u.mov(ebx, eax);
            Keep(u, 2);
            u.Label(child);
        });

        run.Doubleword(Results).Should().Be(2);
        run.Doubleword(Results + 4).Should().Be(2);
        run.Doubleword(Results + 8).Should().Be(uint.MaxValue);
    }

    [Test]
    public void Places_are_used_again()
    {
        using GuestRun run = Run(GuestPaging.Paging32, (k, u) =>
        {
            // Five children fill the places; a sixth finds none. Grandchildren whose parent has ended are waited for by nobody, and take no place for good.
            GuestLabel fill = u.CreateLabel("fill");
            GuestLabel child = u.CreateLabel("child");
            GuestLabel grandchild = u.CreateLabel("grandchild");
            GuestLabel again = u.CreateLabel("again");
            GuestLabel gather = u.CreateLabel("gather");
            u.mov(edi, 0);
            u.mov(esi, 4);
            u.Label(again);
            u.mov(ebx, 0);
            u.Label(fill);
            k.Fork(u);
            u.test(eax, eax);
            u.je(child);
            u.inc(ebx);
            u.cmp(eax, -1);
            u.jne(fill);
            u.add(edi, ebx);
            u.Label(gather);
            k.Wait(u);
            u.cmp(eax, -1);
            u.jne(gather);
            k.Yield(u);
            u.dec(esi);
            u.jne(again);
            u.mov(ebx, edi);
            Keep(u, 0);
            k.Exit(u);
            u.Label(child);
            u.cmp(ebx, 4);
            u.jne(grandchild);
            k.Yield(u);
            k.Fork(u);
            u.Label(grandchild);
        });

        run.Doubleword(Results).Should().Be(4 * 6);
    }

    [Test]
    public void A_bad_access_ends_the_run_as_an_unhandled_page_fault()
    {
        foreach (uint address in new uint[] { Demand + 0x1000, Results, 0x80000000 })
        {
            using GuestRun run = Run(GuestPaging.Paging32, (k, u) =>
            {
                k.DemandPages = 1;
                u.mov(__dword_ptr[Demand], 1);
                u.mov(__dword_ptr[address], 1);

                // Not reached: it makes room for processes, whose empty maps follow this one's.
                k.Fork(u);
            });
            run.Value.Should().Be((int)Guest.UnhandledInterrupt + (int)Vector.PF);
        }
    }

    [Test]
    public void Fifteen_keys_that_nobody_waits_for_are_kept()
    {
        using GuestRun run = Run(
            GuestPaging.Paging32,
            (k, u) =>
            {
                // Ten keys, pressed and released, are twenty codes.
                u.mov(esi, 300_000);
                GuestLabel spin = u.Here("spin");
                u.dec(esi);
                u.jne(spin);
                u.mov(edi, 15);
                GuestLabel next = u.Here("next");
                k.ReadKey(u);
                u.dec(edi);
                u.jne(next);
                u.mov(ebx, eax);
                Keep(u, 0);
            },
            [new TimedInput(1000, KeyboardText.ToScanCodes("abcdefghij"))]);

        run.Doubleword(Results).Should().Be(0x23, "the eighth letter is pressed");
    }

    [Test]
    public void A_sector_that_no_disk_holds_is_an_error()
    {
        using GuestRun run = Run(GuestPaging.None, (k, u) =>
        {
            u.mov(ebx, 0);
            u.mov(ecx, GuestLayout.Processes + 0x4000);
            k.ReadSector(u);
            u.mov(ebx, eax);
            Keep(u, 0);
        });

        run.Doubleword(Results).Should().Be(uint.MaxValue);
    }

    /// <summary>A kernel with one program and two system calls: 1 writes 9 to its page, 2 keeps EBX as result ECX.</summary>
    private static GuestRun Run(GuestPaging paging, Action<GuestKernel, GuestAssembler> body, IReadOnlyList<TimedInput>? keys = null) => new(
        Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.SystemCall(1, a => a.mov(__dword_ptr[Shared], 9));
            k.SystemCall(2, a => a.mov(__dword_ptr[ecx * 4 + Results], ebx));
            k.User(u => body(k, u));
        }),
        keys ?? []);

    private static void Keep(GuestAssembler u, int result)
    {
        u.mov(ecx, result);
        u.mov(eax, 2);
        u.@int(GuestKernel.SystemCallVector);
    }

    private static void Touch(GuestAssembler u, int pages)
    {
        for (uint page = 0; page < pages; page++)
        {
            u.inc(__dword_ptr[Demand + page * 0x1000]);
        }
    }
}
