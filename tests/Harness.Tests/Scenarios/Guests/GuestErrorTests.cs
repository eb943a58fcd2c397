using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Scenarios;

/// <summary>What a script author reads when a guest cannot be built.</summary>
internal sealed class GuestErrorTests
{
    [Test]
    public void A_label_without_a_place() => ShouldFail(
        a => a.jmp(a.CreateLabel("loop")),
        "The label \"loop\", created at GuestErrorTests.cs(*), is used but never placed*");

    [Test]
    public void A_label_with_two_places() => ShouldFail(
        a =>
        {
            GuestLabel label = a.Here("loop");
            a.Label(label);
        },
        "The label \"loop\", created at GuestErrorTests.cs(*), is placed twice*");

    [Test]
    public void A_label_of_another_guest()
    {
        GuestLabel other = default;
        _ = Guest.Protected32(a => other = a.Here("other"));

        ShouldFail(a => a.mov(eax, other), "A label is used that this guest did not create*");
    }

    [Test]
    public void A_label_that_was_not_created() => ShouldFail(a => a.jmp(default(GuestLabel)), "A label is used that was not created*");

    [Test]
    public void A_branch_that_has_only_a_short_form() => ShouldFail(
        a =>
        {
            GuestLabel label = a.CreateLabel("far");
            a.jecxz(label);
            a.Space(200);
            a.Label(label);
        },
        "\"jecxz\" at 00010000h reaches -128 to 127 bytes, its target 000100CAh is 200 away*");

    [Test]
    public void An_address_in_16_bits() => ShouldFail(
        a => a.mov(ax, a.Here("high")),
        "The label \"high\", created at GuestErrorTests.cs(*), lies at 00010000h, but a 16-bit field uses it*");

    [Test]
    public void A_label_in_a_byte() => ShouldFail(a => a.mov(__byte_ptr[ebx], a.Here("label")), "*has no field of 16 or 32 bits for a label*");

    [Test]
    public void Parts_over_each_other() => ShouldFail(
        a =>
        {
            a.Dd(1);
            a.Org(0x10002);
            a.Dd(2);
        },
        "Two parts of the guest lie over each other: 00010000h-00010003h and what starts at 00010002h*");

    [Test]
    public void Bytes_outside_memory() => ShouldFail(
        a =>
        {
            a.Org(0x100000);
            a.nop();
        },
        "1 bytes at 00100000h exceed the guest's memory of 100000h bytes*");

    [Test]
    public void A_mark_twice() => ShouldFail(
        a =>
        {
            a.Mark("m");
            a.nop();
            a.Mark("m");
        },
        "GuestErrorTests.cs(*): the mark \"m\" exists already, at GuestErrorTests.cs(*)*");

    [Test]
    public void A_mark_of_nothing() => ShouldFailReal(a => a.Mark("m"), "GuestErrorTests.cs(*): the mark \"m\" has no instruction*");

    [Test]
    public void Memory_of_a_wrong_size() =>
        Build(() => Guest.Protected32(new GuestOptions { MemoryBytes = 100 }, a => a.Done()))
            .Should().Throw<GuestBuildException>().WithMessage("MemoryBytes expects*found 100.*");

    [Test]
    public void A_vector_with_two_handlers() => Build(() => Guest.Kernel(k =>
    {
        k.OnFault(Vector.GP, a => a.Done());
        k.OnFault(Vector.GP, a => a.Done());
    })).Should().Throw<GuestBuildException>().WithMessage("#GP (vector 0Dh) has a handler already*");

    [Test]
    public void A_system_call_in_ring_0() =>
        Build(() => Guest.Kernel(k => k.Boot(k.Exit))).Should().Throw<GuestBuildException>().WithMessage("Exit is a system call*");

    [Test]
    public void A_switch_without_programs() =>
        Build(() => Guest.Kernel(k => k.Timer(100, k.Switch))).Should().Throw<GuestBuildException>().WithMessage("Switch expects programs*");

    [Test]
    public void System_calls_and_a_handler_on_one_vector() => Build(() => Guest.Kernel(k =>
    {
        k.OnInterrupt(GuestKernel.SystemCallVector, a => a.iretd());
        k.SystemCall(1, a => a.nop());
    })).Should().Throw<GuestBuildException>().WithMessage("INT 80h has a handler by OnInterrupt, but*");

    [Test]
    public void Fork_without_paging() => Build(() => Guest.Kernel(k => k.User(k.Fork))).Should().Throw<GuestBuildException>().WithMessage("Fork expects paging*");

    [Test]
    public void Exec_without_paging() => Build(() => Guest.Kernel(k => k.User(a => k.Exec(a, 0)))).Should().Throw<GuestBuildException>().WithMessage("Exec expects paging*");

    [TestCase(-1)]
    [TestCase(497)]
    public void More_pages_on_demand_than_a_table_maps(int pages) =>
        Build(() => Guest.Kernel(k => k.DemandPages = pages)).Should().Throw<GuestBuildException>().WithMessage($"DemandPages expects 0 to 496 pages; found {pages}.");

    [Test]
    public void A_page_fault_handler_beside_the_kernels_own() => Build(() => Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.OnFault(Vector.PF, a => a.iretd());
        k.User(k.Fork);
    })).Should().Throw<GuestBuildException>().WithMessage("#PF (vector 0Eh) has a handler already*");

    private static void ShouldFail(Action<GuestAssembler> body, string message) =>
        Build(() => Guest.Protected32(body)).Should().Throw<GuestBuildException>().WithMessage(message);

    private static void ShouldFailReal(Action<GuestAssembler> body, string message) =>
        Build(() => Guest.Real16(body)).Should().Throw<GuestBuildException>().WithMessage(message);

    private static Func<GuestImage> Build(Func<GuestImage> build) => build;
}
