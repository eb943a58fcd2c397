using FluentAssertions;
using Harness.Engines.Vtx;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Harness.Tests.Vmm;
using Harness.Vmm;
using Harness.Vmm.Classification;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;
using Vector = Harness.Isa.Vector;

namespace Harness.Tests.Engines;

/// <summary>Protected mode under VT-x: what exits, what does not, and nothing that the guest could tell.</summary>
internal sealed class VtxTests
{
    [TestCaseSource(typeof(TestGuests), nameof(TestGuests.All))]
    public void Guests_do_what_they_do_on_the_bare_machine(GuestImage guest) => new VtxRun(guest).ShouldBeEquivalent();

    [Test]
    public void Sensitive_instructions_that_ring_deprivileging_cannot_see_do_what_they_do_on_the_bare_machine()
    {
        VtxRun run = new VtxRun(Guest.Protected32(a =>
        {
            a.sti();
            a.pushfd();
            a.pop(ebx);
            a.push(Flags.Fixed);
            a.popfd();
            a.pushfd();
            a.pop(ecx);
            a.sgdt(__[0x80000]);
            a.sidt(__[0x80010]);
            a.sldt(ax);
            a.str(dx);
            a.smsw(esi);
            a.mov(eax, cs);
            a.lar(edi, eax);
            a.mov(eax, cr0);
            a.clts();
            a.mov(eax, cr4);
            a.Done();
        })).ShouldBeEquivalent();

        run.Exits.Should().Equal("I/O instruction out F4h");
    }

    [Test]
    public void Each_instruction_that_has_to_exit_does_so_once()
    {
        VtxRun run = new VtxRun(Guest.Protected32(a =>
        {
            a.xor(eax, eax);
            a.cpuid();
            a.mov(ecx, 0x174);
            a.rdmsr();
            a.mov(eax, 0x1234);
            a.wrmsr();
            a.rdtsc();
            a.@in(al, 0x21);
            a.mov(eax, cr3);
            a.mov(cr3, eax);
            a.mov(eax, cr4);
            a.or(eax, Cr4.DE);
            a.mov(cr4, eax);
            a.mov(eax, dr7);
            a.invlpg(__[0x1000]);
            a.wbinvd();
            a.invd();
            a.mov(ecx, 0x10);
            a.xor(edx, edx);
            a.wrmsr();
            a.rdtsc();
            a.Done();
        })).ShouldBeEquivalent();

        run.Exits.Should().Equal(
            "CPUID cpuid", "RDMSR rdmsr 174h", "WRMSR wrmsr 174h", "I/O instruction in 21h", "control-register access mov CR3",
            "control-register access mov CR3", "control-register access mov CR4", "MOV DR mov DR7", "INVLPG invlpg", "INVD invd", "WRMSR wrmsr 10h",
            "RDTSC rdtsc", "I/O instruction out F4h");
        run.Vtx.Retired.Emulated.Should().Be(13);
    }

    [Test]
    public void The_guest_has_no_VMX()
    {
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.OnFault(Vector.UD, a =>
            {
                a.inc(ebx);
                a.add(__dword_ptr[esp], 3);
                a.iretd();
            });
            k.Boot(a =>
            {
                a.mov(eax, 1);
                a.cpuid();
                a.xor(ebx, ebx);
                a.vmcall();
                a.mov(eax, ecx);
                a.Done();
            });
        })).ShouldBeEquivalent();

        run.Vtx.Final.Ebx.Should().Be(1);
        (run.Eax & 0x20).Should().Be(0);
        run.Exits.Should().Contain("VMCALL vmcall");
    }

    [Test]
    public void A_system_call_and_the_faults_of_a_guest_without_paging_do_not_exit()
    {
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.SystemCall(1, a => a.lea(eax, __[ebx + ebx]));
            k.User(u =>
            {
                u.mov(ecx, 3);
                GuestLabel again = u.Here("again");
                u.mov(ebx, 21);
                u.mov(eax, 1);
                u.@int(GuestKernel.SystemCallVector);
                u.loop(again);
                u.mov(ebx, eax);
            });
        })).ShouldBeEquivalent();

        run.Exits.Where(e => !e.StartsWith("I/O", StringComparison.Ordinal)).Should().BeEmpty();
        run.Regime("unpaged").Direct.Should().BeGreaterThan(20);
    }

    [TestCase(GuestPaging.None)]
    [TestCase(GuestPaging.Paging32)]
    [TestCase(GuestPaging.Pae)]
    public void Processes_fork_switch_and_print_as_on_the_bare_machine(GuestPaging paging)
    {
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.Paging = paging;
            k.Timer(10_000, a => k.Switch(a));
            foreach (string text in new[] { "one\n", "two\n" })
            {
                k.User(u =>
                {
                    u.mov(esi, 3);
                    GuestLabel again = u.Here("again");
                    k.Print(u, text);
                    u.mov(ecx, 30_000);
                    GuestLabel spin = u.Here("spin");
                    u.loop(spin);
                    u.dec(esi);
                    u.jnz(again);
                });
            }
        })).ShouldBeEquivalent();

        run.Vtx.Console.Should().Contain("one\n").And.Contain("two\n");
        run.Exits.Should().Contain("external interrupt");
        run.Lines.Should().Contain(l => l.StartsWith("Injection vector 32 interrupt", StringComparison.Ordinal));
    }

    [Test]
    public void Interrupts_that_find_IF_clear_come_when_the_window_opens()
    {
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.Timer(10_000, a => a.inc(__dword_ptr[0x80000]));
            k.Boot(a =>
            {
                a.mov(edx, 3);
                GuestLabel again = a.Here("again");
                a.cli();
                a.mov(ecx, 150_000);
                GuestLabel spin = a.Here("spin");
                a.loop(spin);
                a.sti();
                a.nop();
                a.inc(ebx);
                a.dec(edx);
                a.jnz(again);
                a.Done();
            });
        })).ShouldBeEquivalent();

        run.Exits.Count(e => e == "interrupt window").Should().Be(3);
    }

    [Test]
    public void Page_faults_protection_accessed_and_dirty_bits_are_those_of_the_bare_machine()
    {
        const uint Page = 0x30000;
        const uint Entry = GuestLayout.ProcessTables + 0x1000 + (Page >> 12) * 4;
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnFault(Vector.PF, a =>
            {
                a.push(eax);
                a.mov(eax, __[esp + 4]);
                a.mov(__[ebx], eax);
                a.mov(eax, cr2);
                a.mov(__[ebx + 4], eax);
                a.add(ebx, 8);
                a.or(__dword_ptr[Entry], (uint)(PageEntry.P | PageEntry.RW));
                a.invlpg(__[Page]);
                a.pop(eax);
                a.add(esp, 4);
                a.iretd();
            });
            k.Boot(a =>
            {
                a.mov(ebx, 0x6000);
                a.and(__dword_ptr[Entry], ~(uint)PageEntry.P);
                a.invlpg(__[Page]);
                a.mov(__dword_ptr[Page + 8], 1);
                a.and(__dword_ptr[Entry], ~(uint)PageEntry.RW);
                a.invlpg(__[Page]);
                a.mov(__dword_ptr[Page + 8], 2);
                a.mov(eax, cr0);
                a.or(eax, Cr0.WP);
                a.mov(cr0, eax);
                a.mov(__dword_ptr[Page + 8], 3);
                a.and(__dword_ptr[Entry], ~(uint)(PageEntry.A | PageEntry.D));
                a.invlpg(__[Page]);
                a.mov(ecx, __[Page]);
                a.mov(ecx, __[Entry]);
                a.mov(__dword_ptr[Page], 4);
                a.mov(edx, __[Entry]);
                a.Done();
            });
        })).ShouldBeEquivalent();

        run.Lines.Should().Contain("HiddenFault #PF shadow-miss mov").And.Contain("Exit exception or NMI trace and");
        run.Lines.Count(l => l == "Exit exception or NMI #PF").Should().Be(2);
        run.Lines.Count(l => l == "Injection #PF exception").Should().Be(2);
        run.Lines.Count(l => l == "Exit exception or NMI write-protect mov").Should().Be(1);
    }

    [Test]
    public void Each_page_of_a_guest_is_filled_once()
    {
        VtxRun run = new VtxRun(Guest.Protected32(a =>
        {
            a.nop();
            for (uint page = 0; page < 4; page++)
            {
                a.inc(__dword_ptr[0x30000 + page * 0x1000]);
                a.inc(__dword_ptr[0x30000 + page * 0x1000]);
            }

            a.Done();
        })).ShouldBeEquivalent();

        run.Lines.Count(l => l == "HiddenFault #PF shadow-miss inc").Should().Be(4);
    }

    [Test]
    public void Single_steps_breakpoints_and_other_faults_reach_the_guests_own_handlers()
    {
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.OnFault(Vector.DE, a =>
            {
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.OnFault(Vector.GP, a =>
            {
                a.pop(ebp);
                a.add(__dword_ptr[esp], 2);
                a.iretd();
            });
            k.OnFault(Vector.DB, a =>
            {
                a.inc(__dword_ptr[0x80000]);
                a.mov(edx, dr6);
                a.and(__dword_ptr[esp + 8], ~(uint)Flags.TF);
                a.or(__dword_ptr[esp + 8], (uint)Eflags.RF);
                a.iretd();
            });
            k.Boot(a =>
            {
                a.xor(ecx, ecx);
                a.div(ecx);
                a.mov(eax, 0x1238);
                a.mov(ds, eax);
                a.push(Flags.TF | Flags.Fixed);
                a.popfd();
                a.cpuid();
                a.nop();
                a.mov(eax, 0x81000);
                a.mov(dr0, eax);
                a.mov(eax, 0x00010001);
                a.mov(dr7, eax);
                a.mov(__dword_ptr[0x81000], eax);
                a.inc(ecx);
                a.Done();
            });
        })).ShouldBeEquivalent();

        run.Vtx.Final.Ebp.Should().Be(0x1238);
        run.Exits.Should().NotContain(e => e.StartsWith("exception", StringComparison.Ordinal));
    }

    /// <summary>The frame of the interrupt meets a page that the shadow lacks; the handler of #DB runs at the first instruction of the other's.</summary>
    [Test]
    public void A_single_step_that_MOV_SS_holds_back_survives_a_hidden_fault()
    {
        const uint FreshPage = 0x9C000;
        const byte Number = 0x40;
        VtxRun run = new VtxRun(Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnFault(Vector.DB, a =>
            {
                a.mov(edi, dr6);
                a.Done();
            });
            k.OnInterrupt(Number, a => a.Done());
            k.Boot(a =>
            {
                a.mov(ecx, Selectors.Data0);
                a.mov(esp, FreshPage + 0x1004);
                a.push(Flags.TF | Flags.Fixed);
                a.popfd();
                a.mov(ss, ecx);
                a.@int(Number);
            });
        })).ShouldBeEquivalent();

        (run.Vtx.Final.Edi & DebugBits.BS).Should().Be(DebugBits.BS);
        run.Lines.Should().Contain("HiddenFault #PF shadow-miss int");
    }

    [Test]
    public void A_task_switch_exits_and_is_emulated()
    {
        const uint Segment = 0x80000;
        const uint Entry = GuestLayout.Gdt + (Selectors.Data3 & ~7u);
        VtxRun run = new VtxRun(Guest.Protected32(a =>
        {
            GuestLabel task = a.CreateLabel("task");
            var descriptor = Descriptor.Segment(Segment, 103, AccessRights.P | SystemType.AvailableTss32);
            a.mov(__dword_ptr[Entry], descriptor.Low);
            a.mov(__dword_ptr[Entry + 4], descriptor.High);
            a.mov(eax, task);
            a.mov(__[Segment + 32], eax);
            a.mov(__dword_ptr[Segment + 36], (uint)Flags.Fixed);
            a.mov(__dword_ptr[Segment + 56], 0x90000);
            a.mov(eax, cs);
            a.mov(__[Segment + 76], eax);
            a.mov(eax, ss);
            foreach (uint offset in new uint[] { 72, 80, 84, 88, 92 })
            {
                a.mov(__[Segment + offset], eax);
            }

            a.JmpFar32((ushort)(Selectors.Data3 & ~7), task);
            a.ud2();
            a.Label(task);
            a.push(eax);
            a.mov(ebx, 0x55);
            a.Done();
        })).ShouldBeEquivalent();

        run.Vtx.Final.Ebx.Should().Be(0x55);
        run.Exits.Should().Equal("task switch jmp", "I/O instruction out F4h");
    }

    [TestCase(7)]
    [TestCase(1000)]
    public void A_run_in_slices_is_the_same_run(long slice)
    {
        EngineRun whole = new VtxRun(TestGuests.Timer).Vtx;
        RunRequest request = whole.Request;
        using var machine = new GuestMachine(
            request.Model, request.Guest, BareRun.Devices(request.Guest, "yonah"), request.Costs, request.Options, keepEvents: true,
            request.Model.Without(Feature.Vmx));
        using IMonitor monitor = new VtxEngine().Create(new MonitorContext(machine));
        GuestEnd end = GuestEnd.Limit;
        for (long until = slice; end == GuestEnd.Limit; until += slice)
        {
            machine.Host.Limit = until;
            end = monitor.Run(until);
        }

        end.Should().Be(GuestEnd.Done);
        machine.Clock.Ticks.Should().Be(whole.Ticks);
        machine.MachineEvents.All.Should().Equal(whole.MachineEvents.All);
        machine.Retired.Guest.Should().Be(whole.Retired.Guest);
    }

    [Test]
    public void A_non_maskable_interrupt_blocks_the_next_until_IRET()
    {
        GuestImage image = Guest.Kernel(k =>
        {
            k.OnInterrupt((byte)Vector.NMI, a =>
            {
                a.inc(edx);
                for (int i = 0; i < 20; i++)
                {
                    a.nop();
                }

                a.iretd();
            });
            k.Boot(a =>
            {
                a.xor(edx, edx);
                a.mov(ecx, 2000);
                GuestLabel again = a.Here("again");
                a.loop(again);
                a.mov(eax, edx);
                a.Done();
            });
        });
        var devices = new GuestDevices { Injections = [Injection.Nmi(500), Injection.Nmi(505), Injection.Nmi(900)] };

        VtxRun run = new VtxRun(image, devices).ShouldBeEquivalent();

        run.Eax.Should().Be(3);
    }

    [Test]
    public void A_triple_fault_ends_the_run()
    {
        VtxRun run = new(Guest.Protected32(a =>
        {
            a.lidt(__[0x80000]);
            a.ud2();
        }));

        run.Bare.End.Should().Be(GuestEnd.Shutdown);
        run.Vtx.End.Should().Be(GuestEnd.Shutdown);
        run.Vtx.Ticks.Should().Be(run.Bare.Ticks);
        run.Exits.Should().Equal("triple fault");
    }

    [Test]
    public void Without_VT_x_the_engine_is_not_applicable()
    {
        RunRequest request = Requests.For(new VtxEngine(), TestGuests.Loop) with { Model = ProcessorModel.Load("pentium") };

        GuestRunner.NotApplicable(request).Should().Be("pentium has no VT-x");
    }

    /// <summary>An injected error code has bits 14:0 only, a selector 13 bits of index; the stack that the frame goes to is not shadowed yet.</summary>
    [Test]
    public void A_fault_whose_error_code_cannot_be_injected_is_delivered_all_the_same()
    {
        // jmp far [100h], to a selector that lies beyond every table.
        var setting = Setting.Parse("code=FF2D00010000 esp=800 @10100=000300009CFB");
        var user = new Situation(GuestMode.Protected, Side.User, MonitorConfiguration.Permissive, Axis.None);

        new VtxRun(FormGuest.Build(ProcessorModel.Load("yonah"), setting, user)).ShouldBeEquivalent();
    }
}
