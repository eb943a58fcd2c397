using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Scenarios;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Fuzz;

/// <summary>
/// Makes guests of a protected-mode kernel with paging, handlers, a timer and one to three programs in ring 3, each a random sequence of fragments. What a program
/// computes depends neither on the tick nor on the other programs, so that a kernel against hypercalls, which is elsewhere at a given tick, has to come to the same.
/// </summary>
public sealed class ProgramGenerator(ulong seed)
{
    /// <summary>Where the guest sends bytes.</summary>
    public const byte DebugPort = 0xE9;

    /// <summary>Physical addresses of doublewords in which the kernel counts.</summary>
    public const uint SystemCalls = CountersBase;

    public const uint PageTableChanges = CountersBase + 4;

    public const uint TimerInterrupts = CountersBase + 8;

    public const uint InjectedInterrupts = CountersBase + 12;

    public const uint Exceptions = CountersBase + 16;

    /// <summary>The kernel's data.</summary>
    private const uint KernelData = 0x90000;
    private const uint CountersBase = KernelData + PageBytes;

    /// <summary>Pages of a program whose mapping changes, with the frames behind them, a fixed distance lower.</summary>
    private const uint Windows = GuestLayout.ProcessBase + GuestLayout.ProcessBytes;
    private const uint WindowFrames = 0x80000;
    private const uint WindowBytes = 0x4000;
    private const uint PageBytes = 0x1000;
    private const uint ProgramData = GuestLayout.ProcessBase + 0x8000;
    private const uint UserWritable = PageEntry.P | PageEntry.RW | PageEntry.US;
    private const int InterruptLine = 5;
    private const int RingSectors = 16;
    private const int FirstRoutine = 12;
    private const uint Routine = KernelData + 4 * PageBytes;

    // System calls.
    private const uint Compute = 1;
    private const uint Map = 2;
    private const uint Output = 3;
    private const uint Wait = 4;

    /// <summary>The program of a number.</summary>
    public GeneratedProgram Make(long number)
    {
        var chance = new Chance(seed, number);
        ProgramKind kind = chance.Below(100) switch
        {
            < 56 => ProgramKind.Plain,
            < 70 => ProgramKind.SensitiveUser,
            < 90 => ProgramKind.SensitiveKernel,
            _ => ProgramKind.DirectReturn,
        };
        ulong body = chance.Next64();
        int programs = 1 + chance.Below(3);
        List<Injection> injections = [];
        for (int i = chance.Below(4); i > 0; i--)
        {
            injections.Add(Injection.Interrupt(chance.Below(3000), InterruptLine));
        }

        var devices = new Chance(body, 1);
        RingUse ring = devices.Percent(60) ? RingUse.None : devices.Percent(50) ? RingUse.Emulated : RingUse.Dedicated;
        ulong ringStream = devices.Next64();
        GuestImage image = Guest.Kernel(
            new GuestOptions { Name = $"program-{number}" },
            k => new Description(k, kind, programs, new Chance(body, 0)) { RingStream = ring == RingUse.None ? null : ringStream }.Describe());
        return new GeneratedProgram(number, kind, programs, image, injections, ring);
    }

    /// <summary>The disk behind the ring: sectors that programs read and write, four each, and routines that the kernel has come and calls.</summary>
    public static DiskImage RingDisk()
    {
        var disk = new byte[RingSectors * DiskImage.SectorSize];
        for (int i = 0; i < disk.Length; i++)
        {
            disk[i] = (byte)(i * 11 + (i >> 9) * 5);
        }

        for (int sector = FirstRoutine; sector < RingSectors; sector++)
        {
            // MOV EAX, sector; RET.
            ((byte[])[0xB8, (byte)sector, 0, 0, 0, 0xC3]).CopyTo(disk, sector * DiskImage.SectorSize);
        }

        return DiskImage.FromBytes(disk);
    }

    /// <summary>One build of the guest. Each part draws from a stream of its own, because the builds may stop at different places.</summary>
    private sealed class Description(GuestKernel kernel, ProgramKind kind, int programs, Chance chance)
    {
        private readonly bool _sensitiveKernel = kind == ProgramKind.SensitiveKernel;

        /// <summary>Of what is done with the ring; null: there is none.</summary>
        public ulong? RingStream { get; init; }

        public void Describe()
        {
            kernel.Paging = GuestPaging.Paging32;

            // A kernel that opens interrupts where it does not expect them has no process to go on with.
            bool preempts = chance.Percent(40) && programs > 1 && !_sensitiveKernel;
            if (kind == ProgramKind.SensitiveUser && chance.Percent(30))
            {
                kernel.UserFlags |= Flags.IOPL3;
            }

            if (RingStream is { } ring)
            {
                // A driver that waits with interrupts open would be entered again by the next process.
                var how = new Chance(ring, 0);
                RingWait wait = how.Of<RingWait>([RingWait.Interrupt, RingWait.Halt, RingWait.Poll]);
                kernel.UseRing(preempts || _sensitiveKernel ? RingWait.Poll : wait);
                kernel.RingBatches = how.Percent(50);
                kernel.RingByPorts = how.Percent(50);
            }

            ulong[] streams = [.. Enumerable.Range(0, 8).Select(_ => chance.Next64())];
            ushort divisor = (ushort)(2 + chance.Below(10));
            kernel.Boot(a =>
            {
                a.EmitTimerSetup(divisor);
                Kernel(a, streams[0]).Emit(3 + new Chance(streams[0], 1).Below(6));
            });
            kernel.OnIrq(0, a => EmitTimer(a, preempts));
            kernel.OnIrq(InterruptLine, a =>
            {
                a.inc(__dword_ptr[InjectedInterrupts]);
                Kernel(a, streams[1]).Emit(1 + new Chance(streams[1], 1).Below(3));
            });
            EmitHandlers();
            kernel.SystemCall(Compute, a => EmitCompute(a, streams[2]));
            kernel.SystemCall(Map, a => EmitMap(a, reload: (streams[3] & 1) != 0));
            kernel.SystemCall(Output, EmitOutput);
            kernel.SystemCall(Wait, EmitWait);
            for (int i = 0; i < programs; i++)
            {
                int program = i;
                kernel.User(a => EmitProgram(a, program, yields: programs > 1, streams[4 + program]));
            }
        }

        private ProgramFragments Kernel(GuestAssembler a, ulong stream) =>
            new(a, new Chance(stream, 2), KernelData) { SensitiveKernel = _sensitiveKernel, IsKernel = true };

        /// <summary>Programs that are interrupted leave the processor to the next one.</summary>
        private void EmitTimer(GuestAssembler a, bool preempts)
        {
            a.inc(__dword_ptr[TimerInterrupts]);
            if (preempts)
            {
                kernel.Switch(a);
            }
        }

        /// <summary>Each exception is left behind; a page that is missing or read-only becomes what it was.</summary>
        private void EmitHandlers()
        {
            kernel.OnFault(Vector.DE, a => EmitSkip(a, hasCode: false, bytes: 2));
            kernel.OnFault(Vector.UD, a => EmitSkip(a, hasCode: false, bytes: 2));
            kernel.OnFault(Vector.GP, a => EmitSkip(a, hasCode: true, bytes: 1));
            kernel.OnInterrupt((byte)Vector.BP, a => a.iretd());
            kernel.OnFault(Vector.PF, a =>
            {
                a.add(esp, 4);
                a.push(eax);
                a.push(ebx);
                a.push(ecx);
                a.mov(ebx, cr2);
                a.and(ebx, ~(PageBytes - 1));
                GuestLabel known = a.CreateLabel("known");
                a.lea(eax, __[ebx - Windows]);
                a.cmp(eax, 3 * (int)WindowBytes);
                a.jb(known);
                a.Done();
                a.Label(known);
                a.lea(ecx, __[eax + (WindowFrames | UserWritable)]);
                kernel.Remap(a);
                a.pop(ecx);
                a.pop(ebx);
                a.pop(eax);
                a.iretd();
            });
        }

        private static void EmitSkip(GuestAssembler a, bool hasCode, int bytes)
        {
            if (hasCode)
            {
                a.add(esp, 4);
            }

            a.inc(__dword_ptr[Exceptions]);
            a.add(__dword_ptr[esp], bytes);
            a.iretd();
        }

        /// <summary>Result of EBX and ECX alone; on the way, whatever a kernel does.</summary>
        private void EmitCompute(GuestAssembler a, ulong stream)
        {
            a.inc(__dword_ptr[SystemCalls]);
            a.push(ebx);
            a.push(ecx);
            Kernel(a, stream).Emit(2 + new Chance(stream, 1).Below(5));
            EmitRoutine(a);
            a.pop(ecx);
            a.pop(ebx);
            a.imul(eax, ebx, 0x343FD);
            a.xor(eax, ecx);
        }

        /// <summary>Code comes from the disk over that which came before, and is called.</summary>
        private void EmitRoutine(GuestAssembler a)
        {
            if (RingStream is not null)
            {
                a.mov(ebx, __dword_ptr[SystemCalls]);
                a.and(ebx, RingSectors - FirstRoutine - 1);
                a.add(ebx, FirstRoutine);
                a.mov(ecx, Routine);
                a.mov(edx, 1);
                kernel.ReadRing(a);
                a.mov(ecx, Routine);
                a.call(ecx);
                a.add(__dword_ptr[KernelData], eax);
            }
        }

        /// <summary>Reads or writes sectors of the program's own, sometimes beyond the disk.</summary>
        private void EmitTransfer(GuestAssembler a, int program, Chance order)
        {
            uint count = 1 + (uint)order.Below(3);
            bool isBeyond = order.Percent(10);
            a.mov(ebx, isBeyond ? RingSectors - 1 : program * 4 + order.Below(2));
            a.mov(ecx, ProgramData + 0x1000);
            a.mov(edx, count);
            if (!isBeyond && order.Percent(50))
            {
                kernel.WriteRing(a);
            }
            else
            {
                kernel.ReadRing(a);
            }
        }

        /// <summary>EBX: page of a window, ECX: its flags; 0: not present.</summary>
        private void EmitMap(GuestAssembler a, bool reload)
        {
            a.inc(__dword_ptr[PageTableChanges]);
            GuestLabel change = a.CreateLabel("change");
            a.test(ecx, ecx);
            a.je(change);
            a.lea(ecx, __[ebx + ecx - (int)(Windows - WindowFrames)]);
            a.Label(change);
            kernel.Remap(a);
            if (reload)
            {
                a.mov(eax, cr3);
                a.mov(cr3, eax);
            }

            a.xor(eax, eax);
        }

        /// <summary>BL: a byte for the debug port and, made a letter, for COM1.</summary>
        private static void EmitOutput(GuestAssembler a)
        {
            a.mov(al, bl);
            a.@out(DebugPort, al);
            a.and(al, 15);
            a.add(al, (sbyte)'a');
            a.mov(dx, 0x3F8);
            a.@out(dx, al);
            a.xor(eax, eax);
        }

        private static void EmitWait(GuestAssembler a)
        {
            a.sti();
            a.hlt();
            a.cli();
            a.xor(eax, eax);
        }

        /// <summary>What a program does at least once, in any order with the rest.</summary>
        private void EmitProgram(GuestAssembler a, int program, bool yields, ulong stream)
        {
            var order = new Chance(stream, 1);
            uint window = Windows + (uint)program * WindowBytes;
            var fragments = new ProgramFragments(a, new Chance(stream, 2), ProgramData) { SensitiveUser = kind == ProgramKind.SensitiveUser };
            int count = 8 + order.Below(10);
            int first = order.Below(3);
            fragments.Prepare();
            for (int i = 0; i < count; i++)
            {
                switch ((i + first) % 6)
                {
                    case 0:
                        fragments.Call(Compute);
                        break;
                    case 2:
                        uint page = window + (uint)order.Below(4) * PageBytes;
                        uint flags = order.Of<uint>([0, PageEntry.P | PageEntry.US, UserWritable]);
                        fragments.Call(Map, page, flags);
                        fragments.Touch(page);
                        break;
                    case 4 when program == 0:
                        fragments.Call(Output);
                        break;
                    case 5 when i > 3 && order.Percent(30):
                        fragments.Call(Wait);
                        break;
                    case 5 when yields && order.Percent(50):
                        kernel.Yield(a);
                        break;
                    default:
                        break;
                }

                fragments.Emit(1 + order.Below(3));
                if (RingStream is { } ring && new Chance(ring, 1 + program * 32 + i) is var transfer && transfer.Percent(20))
                {
                    EmitTransfer(a, program, transfer);
                }
            }

            fragments.Call(Wait);
        }
    }
}
