using Harness.Machine.Devices;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>How the driver of a ring learns of responses.</summary>
public enum RingWait
{
    /// <summary>By an interrupt, while the kernel goes on computing.</summary>
    Interrupt,

    /// <summary>By an interrupt that ends HLT.</summary>
    Halt,

    /// <summary>It wants no interrupt and looks at the ring in memory.</summary>
    Poll,
}

/// <summary>
/// A driver of the block device with a ring (<see cref="BlockRingInterface"/>). The same source drives it by ports, or, where the kernel is built against hypercalls,
/// by those and by events in the shared page.
/// </summary>
public sealed partial class GuestKernel
{
    private const int SectorBytes = 512;
    private const int SavedEax = 7 * 4;
    private readonly GuestLabel _ringTransfer;
    private readonly GuestLabel _ringConsume;
    private readonly GuestLabel _ringState;
    private RingWait _ringWait;
    private bool _usesRing;

    // The driver's state: responses that it has seen, and 0 or -1.
    private const int RingSeen = 0;
    private const int RingResult = 4;

    /// <summary>There is a driver of the block device with a ring, which learns of responses as <paramref name="wait"/> says.</summary>
    public void UseRing(RingWait wait)
    {
        _usesRing = true;
        _ringWait = wait;
    }

    /// <summary>One interrupt for all responses of a call instead of one for each.</summary>
    public bool RingBatches { get; set; }

    /// <summary>
    /// A kernel that is built against hypercalls drives the ring's device by its ports nevertheless, as where the device is its own; its interrupts arrive at the
    /// interrupt controllers then.
    /// </summary>
    public bool RingByPorts { get; set; }

    private bool RingByHypercalls => _usesHypercalls && !RingByPorts;

    /// <summary>
    /// Reads sectors of the disk behind the ring, a request for each. EBX: the first, ECX: where they go, EDX: how many, 1 to 16. EAX: 0, or -1 if a request failed. In
    /// ring-0 code ECX is physical, the data come there by themselves, no other register changes, and interrupts are off afterwards. A program makes a system call, whose
    /// data the kernel copies.
    /// </summary>
    public void ReadRing(GuestAssembler a) => Transfer(a, BlockRingInterface.ReadOperation, Service.ReadRing);

    /// <summary>Writes sectors; as <see cref="ReadRing"/>.</summary>
    public void WriteRing(GuestAssembler a) => Transfer(a, BlockRingInterface.WriteOperation, Service.WriteRing);

    private void Transfer(GuestAssembler a, byte operation, Service service)
    {
        Given.NotNull(a, "the assembler of the code that transfers sectors");
        if (!_usesRing)
        {
            throw new GuestBuildException("ReadRing and WriteRing expect a driver: call UseRing first.");
        }

        if (_inProgram)
        {
            Call(a, service);
            return;
        }

        a.mov(eax, operation);
        a.call(_ringTransfer);
    }

    private void AddRingHandler()
    {
        if (!_usesRing || _ringWait == RingWait.Poll)
        {
            return;
        }

        if (!RingByHypercalls)
        {
            OnIrq(BlockRingInterface.Line, a =>
            {
                a.mov(dx, BlockRingInterface.EventPort);
                EmitOwnPort(a, () => a.@in(eax, dx));
                a.call(_ringConsume);
            });
            return;
        }

        Handle(FirstIrqVector + BlockRingInterface.Line, 0, a =>
        {
            a.pushad();
            a.mov(__byte_ptr[GuestLayout.Shared + ParavirtInterface.RingEvent], 0);
            a.call(_ringConsume);
            a.popad();
            a.iretd();
        });
    }

    /// <summary>Gives the device its ring.</summary>
    private void EmitRingSetup(GuestAssembler a)
    {
        if (!_usesRing)
        {
            return;
        }

        if (RingByHypercalls)
        {
            HypercallCode.Call(a, Hypercall.SetRing, GuestLayout.Ring, FirstIrqVector + BlockRingInterface.Line);
        }
        else
        {
            a.mov(edx, BlockRingInterface.RingPort);
            a.mov(eax, GuestLayout.Ring);
            EmitOwnPort(a, () => a.@out(dx, eax));
        }
    }

    /// <summary>An IN or OUT that is no hypercall, whoever the kernel is built for.</summary>
    private void EmitOwnPort(GuestAssembler a, Action instruction)
    {
        a.Take();
        a.UsesHypercalls = false;
        instruction();
        a.Take();
        a.UsesHypercalls = _usesHypercalls;
    }

    private void EmitRingRoutines(GuestAssembler a)
    {
        GuestLabel told = a.CreateLabel("ring.told");
        GuestLabel done = a.CreateLabel("ring.done");
        const uint Ring = GuestLayout.Ring;
        const byte EntryShift = 4;
        a.Label(_ringTransfer);
        a.pushad();
        a.mov(__dword_ptr[_ringState + RingResult], 0);
        a.mov(esi, __dword_ptr[Ring + BlockRingInterface.RequestProducer]);
        a.mov(ebp, esi);
        a.or(ah, 1);
        GuestLabel next = a.Here("ring.next");
        a.mov(edi, esi);
        a.and(edi, BlockRingInterface.Entries - 1);
        a.shl(edi, EntryShift);
        a.add(edi, Ring + BlockRingInterface.Descriptors);
        a.mov(__dword_ptr[edi], esi);
        a.mov(__dword_ptr[edi + 4], eax);
        a.mov(__dword_ptr[edi + 8], ebx);
        a.mov(__dword_ptr[edi + 12], ecx);
        a.inc(ebx);
        a.add(ecx, SectorBytes);
        a.inc(esi);
        a.dec(edx);
        a.jne(next);
        EmitWantedResponse(a);
        a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], esi);

        // The device wants to be told if what it waits for lies among these requests.
        a.mov(eax, esi);
        a.sub(eax, __dword_ptr[Ring + BlockRingInterface.RequestEvent]);
        a.mov(edx, esi);
        a.sub(edx, ebp);
        a.cmp(eax, edx);
        a.jae(told);
        if (RingByHypercalls)
        {
            HypercallCode.Call(a, Hypercall.NotifyRing);
        }
        else
        {
            a.mov(edx, BlockRingInterface.DoorbellPort);
            EmitOwnPort(a, () => a.@out(dx, eax));
        }

        a.Label(told);
        EmitWaitForRing(a, done);
        a.Label(done);
        a.mov(eax, __dword_ptr[_ringState + RingResult]);
        a.mov(__dword_ptr[esp + SavedEax], eax);
        a.popad();
        a.ret();
        a.Label(_ringConsume);
        EmitConsume(a);
        a.Align(4);
        a.Label(_ringState);
        a.Dd(0, 0);
    }

    /// <summary>ESI: requests there will be, EBP: those before. A response that is past already is never reached: that wants no interrupt.</summary>
    private void EmitWantedResponse(GuestAssembler a)
    {
        if (_ringWait == RingWait.Poll || !RingBatches)
        {
            a.lea(eax, __[ebp + (_ringWait == RingWait.Poll ? 0 : 1)]);
            a.mov(__dword_ptr[GuestLayout.Ring + BlockRingInterface.ResponseEvent], eax);
        }
        else
        {
            a.mov(__dword_ptr[GuestLayout.Ring + BlockRingInterface.ResponseEvent], esi);
        }
    }

    /// <summary>Until the response before ESI has been seen.</summary>
    private void EmitWaitForRing(GuestAssembler a, GuestLabel done)
    {
        if (_ringWait == RingWait.Interrupt)
        {
            a.sti();
        }

        GuestLabel wait = a.Here("ring.wait");
        if (_ringWait == RingWait.Poll)
        {
            a.call(_ringConsume);
        }

        a.cmp(__dword_ptr[_ringState + RingSeen], esi);
        if (_ringWait != RingWait.Halt)
        {
            a.jne(wait);
        }
        else
        {
            a.je(done);
            a.sti();
            a.hlt();
            a.cli();
            a.jmp(wait);
        }

        if (_ringWait == RingWait.Interrupt)
        {
            a.cli();
        }
    }

    /// <summary>Sees every response there is. A device that has given up has none: then all requests have failed. Changes all but EBX, ESI and EBP.</summary>
    private void EmitConsume(GuestAssembler a)
    {
        const uint Ring = GuestLayout.Ring;
        GuestLabel end = a.CreateLabel("ring.end");
        GuestLabel all = a.CreateLabel("ring.all");
        a.mov(eax, __dword_ptr[_ringState + RingSeen]);
        GuestLabel next = a.Here("ring.response");
        a.cmp(eax, __dword_ptr[Ring + BlockRingInterface.ResponseProducer]);
        a.je(all);
        a.mov(edi, eax);
        a.and(edi, BlockRingInterface.Entries - 1);
        a.shl(edi, 4);
        a.mov(edx, __dword_ptr[edi + (Ring + BlockRingInterface.Descriptors + 4)]);
        a.sar(edx, 31);
        a.or(__dword_ptr[_ringState + RingResult], edx);
        a.inc(eax);
        a.jmp(next);
        a.Label(all);
        a.cmp(eax, __dword_ptr[_ringState + RingSeen]);
        a.je(end);
        a.mov(__dword_ptr[_ringState + RingSeen], eax);
        if (_ringWait != RingWait.Poll && !RingBatches)
        {
            // The next is wanted too; what has come in the meantime nobody would tell of.
            a.inc(eax);
            a.mov(__dword_ptr[Ring + BlockRingInterface.ResponseEvent], eax);
            a.dec(eax);
            a.jmp(next);
        }

        a.Label(end);
        a.ret();
    }

    /// <summary>
    /// Instead of programs: takes requests for another machine's disk (<see cref="BlockServiceInterface"/>), carries them out by the ring's device of this machine, and
    /// waits for more. <see cref="UseRing"/> comes first.
    /// </summary>
    public void ServeRing()
    {
        if (!_usesRing)
        {
            throw new GuestBuildException("ServeRing expects a driver of the disk: call UseRing first.");
        }

        OnIrq(BlockServiceInterface.Line, a =>
        {
            a.mov(edx, BlockServiceInterface.EventPort);
            a.@in(eax, dx);
        });
        Boot(a =>
        {
            if (_programs.Count != 0)
            {
                throw new GuestBuildException("ServeRing expects a kernel without programs: their memory is where the data lie.");
            }

            EmitServeRing(a);
        });
    }

    private static void EmitOut(GuestAssembler a, ushort port, uint value)
    {
        a.mov(edx, port);
        a.mov(eax, value);
        a.@out(dx, eax);
    }

    private void EmitServeRing(GuestAssembler a)
    {
        const uint Ring = GuestLayout.ServiceRing;
        GuestLabel wait = a.CreateLabel("serve.wait");
        EmitOut(a, BlockServiceInterface.RingPort, Ring);
        EmitOut(a, BlockServiceInterface.BuffersPort, GuestLayout.Processes);
        a.jmp(wait);
        GuestLabel next = a.Here("serve.next");
        a.mov(edi, esi);
        a.and(edi, BlockRingInterface.Entries - 1);
        a.shl(edi, 4);
        a.add(edi, Ring + BlockRingInterface.Descriptors);
        a.movzx(eax, __byte_ptr[edi + 4]);
        a.movzx(edx, __byte_ptr[edi + 5]);
        a.mov(ebx, __dword_ptr[edi + 8]);
        a.mov(ecx, __dword_ptr[edi + 12]);
        a.call(_ringTransfer);
        a.mov(__dword_ptr[edi + 4], eax);
        a.inc(esi);
        a.mov(__dword_ptr[Ring + BlockRingInterface.ResponseProducer], esi);
        a.cmp(esi, __dword_ptr[Ring + BlockRingInterface.RequestProducer]);
        a.jne(next);
        EmitOut(a, BlockServiceInterface.DoorbellPort, 0);
        a.Label(wait);
        a.sti();
        a.hlt();
        a.cli();
        a.mov(esi, __dword_ptr[Ring + BlockRingInterface.ResponseProducer]);
        a.cmp(esi, __dword_ptr[Ring + BlockRingInterface.RequestProducer]);
        a.jne(next);
        a.jmp(wait);
    }

    /// <summary>The body of a program's call: data pass through pages of the kernel's, because a program's lie elsewhere than it sees them.</summary>
    private void EmitRingService(GuestAssembler a, byte operation)
    {
        bool reads = operation == BlockRingInterface.ReadOperation;
        GuestLabel refused = a.CreateLabel("ring.refused");
        a.mov(eax, -1);
        a.lea(edi, __[edx - 1]);
        a.cmp(edi, BlockRingInterface.Entries);
        a.jae(refused);
        a.mov(ebp, ecx);
        a.cld();
        if (!reads)
        {
            a.mov(esi, ecx);
            EmitRingCopy(a, () => a.mov(edi, GuestLayout.RingBuffers));
        }

        a.mov(ecx, GuestLayout.RingBuffers);
        a.mov(eax, operation);
        a.call(_ringTransfer);
        if (reads)
        {
            a.mov(esi, ecx);
            EmitRingCopy(a, () => a.mov(edi, ebp));
        }

        a.Label(refused);
    }

    private static void EmitRingCopy(GuestAssembler a, Action target)
    {
        target();
        a.mov(ecx, edx);
        a.shl(ecx, 7);
        a.rep.movsd();
    }
}
