using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Harness.NativeOracle.Native;

/// <summary>
/// The processor of this computer as a judge of ring-3 code: executes one instruction in a traced child, with CS = 23h or a segment of an LDT made by
/// modify_ldt. The exact vector, error code and CR2 come from the kernel's signal frame. Use it on the thread that opened it.
/// </summary>
public sealed class NativeProcessor : ICaseRunner, IDisposable
{
    private const ulong SetSignalAction = 13;
    private const ulong SetSignalStack = 131;
    private const ulong ModifyLdt = 154;
    private const int TrapSignal = 5;

    // Linux: TRAP_BRKPT is what a #DB gives whose DR6 is empty. Under a virtual machine monitor BS can get lost between the trap and the kernel. INT3 gives SI_KERNEL.
    private const int EmptyDebugCode = 1;
    private const int TraceCode = 2;
    private const uint TrapFlag = 1u << 8;
    private const uint ResumeFlag = 1u << 16;
    private const uint FetchBit = 1u << 4;

    // The kernel's 64-bit signal frame: return address, flags, link and stack of ucontext, then the registers as 8-byte words.
    private const int FrameErrorCode = 8 + 40 + 19 * 8;

    private readonly Tracee _child;
    private readonly IoVector[] _writable;
    private readonly WorldMemory _memory;
    private readonly byte[] _found;

    private NativeProcessor(Tracee child)
    {
        _child = child;
        _memory = new WorldMemory((address, bytes) => _child.Write(address, bytes));
        _writable = [.. _memory.Regions.Select(r => new IoVector { Base = (nint)r.Address, Length = r.Size })];
        _found = new byte[_memory.Size];
        Prepare();
        Name = $"{ProcessorModel.Describe()} under ptrace";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Opens the processor, or says why this computer does not permit it.</summary>
    /// <param name="processor">The processor; dispose of it on the same thread.</param>
    /// <param name="reason">Empty, or what was refused.</param>
    public static bool TryOpen([NotNullWhen(true)] out NativeProcessor? processor, out string reason)
    {
        processor = null;
        reason = "";
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            reason = $"the processor can be asked on Linux on x86-64 only; this is {RuntimeInformation.RuntimeIdentifier}";
            return false;
        }

        Tracee? child = null;
        try
        {
            child = new Tracee(ChildImage.Build());
            processor = new NativeProcessor(child);
            reason = processor.Refusal() ?? "";
            if (reason.Length == 0)
            {
                return true;
            }

            processor.Dispose();
            processor = null;
            return false;
        }
        catch (NativeOracleException e)
        {
            child?.Dispose();
            reason = e.Message;
            return false;
        }
    }

    /// <summary>
    /// What keeps this computer's system from running 32-bit code, or 16-bit code of an LDT, in ring 3 of a 64-bit process; null: nothing. Some virtual machines do not have
    /// it: their kernel runs in ring 3 itself.
    /// </summary>
    private string? Refusal()
    {
        foreach ((ushort code, uint eip) in (ReadOnlySpan<(ushort, uint)>)[(World.FlatCode, World.CodeBase), (World.Selector(2), 0)])
        {
            RegisterState state = default;
            state.Segments[1] = code;
            state.Segments[2] = World.FlatData;
            state.Eip = eip;
            state.Eflags = 0x202;
            if (Run(new Case(0, 0, "nop", state, [0x90], [])).Fault is { } fault)
            {
                return $"{Name} runs no code of the {World.Find(code)!.Value.Name} segment: NOP raises vector {fault.Vector} with error code {fault.ErrorCode:X}h";
            }
        }

        return null;
    }

    /// <inheritdoc/>
    /// <exception cref="NativeOracleException">The child was lost or stopped for a reason that no instruction of a case has.</exception>
    public CaseResult Run(Case test)
    {
        _memory.SetUp(test);
        _child.Registers = ToUser(test.Before);

        // A transfer of control is stepped. Everything else runs into the INT3 behind it, so that PUSHF does not see TF, MOV SS does not hold the
        // trap back by one instruction (SDM Vol. 3A, 6.8.3) and a REP instruction runs to its end.
        var decoder = Decoder.Create(test.Bitness, test.Code);
        Instruction instruction = decoder.Decode();
        bool step = instruction.FlowControl != FlowControl.Next;
        int signal = _child.Resume(step ? Libc.SingleStep : Libc.Continue);
        UserRegisters user = _child.Registers;
        RegisterState after = FromUser(user);
        if (step)
        {
            // The kernel hides the TF that it set for the step, except where it takes the instruction for one that sets TF.
            after.Eflags &= ~TrapFlag;
        }

        Fault? fault = null;
        uint end = test.Before.Eip + (uint)test.Code.Length;
        if (signal != TrapSignal)
        {
            fault = ReadFault(signal);
        }
        else if (_child.SignalCode is not (TraceCode or EmptyDebugCode) and var code)
        {
            if (!step && after.Eip == end + 1)
            {
                after.Eip = end;
            }
            else if (instruction.Code == Code.Int3 && after.Eip == end)
            {
                fault = new Fault(3, 0, 0);
            }
            else
            {
                throw new NativeOracleException($"unexpected breakpoint (si_code {code}) at {after.Eip:X8}h after {CaseText.Describe(test)}");
            }
        }

        _child.Gather(_writable, _found);
        return new CaseResult(after, fault, _memory.Changes(_found));
    }

    /// <summary>Ends the child.</summary>
    public void Dispose() => _child.Dispose();

    private static UserRegisters ToUser(in RegisterState state) => new()
    {
        Rax = state.Gpr[0],
        Rcx = state.Gpr[1],
        Rdx = state.Gpr[2],
        Rbx = state.Gpr[3],
        Rsp = state.Gpr[4],
        Rbp = state.Gpr[5],
        Rsi = state.Gpr[6],
        Rdi = state.Gpr[7],
        Rip = state.Eip,
        Eflags = state.Eflags,
        Es = state.Segments[0],
        Cs = state.Segments[1],
        Ss = state.Segments[2],
        Ds = state.Segments[3],
        Fs = state.Segments[4],
        Gs = state.Segments[5],

        // With FSGSBASE the kernel loads the selector and then writes the base that the debugger gave.
        FsBase = World.Find(state.Segments[4])?.Base ?? 0,
        GsBase = World.Find(state.Segments[5])?.Base ?? 0,
        OrigRax = ulong.MaxValue,
    };

    private static RegisterState FromUser(in UserRegisters user)
    {
        RegisterState state = default;
        ReadOnlySpan<ulong> general = [user.Rax, user.Rcx, user.Rdx, user.Rbx, user.Rsp, user.Rbp, user.Rsi, user.Rdi];
        ReadOnlySpan<ulong> segments = [user.Es, user.Cs, user.Ss, user.Ds, user.Fs, user.Gs];
        for (int i = 0; i < general.Length; i++)
        {
            state.Gpr[i] = (uint)general[i];
        }

        for (int i = 0; i < segments.Length; i++)
        {
            state.Segments[i] = (ushort)segments[i];
        }

        state.Eip = (uint)user.Rip;
        state.Eflags = (uint)user.Eflags & ~ResumeFlag;
        return state;
    }

    private void Prepare()
    {
        ReadOnlySpan<ulong> stack = [ChildImage.SignalStack, 0, ChildImage.SignalStackSize];
        _child.Write(ChildImage.Scratch, MemoryMarshal.AsBytes(stack));
        Expect(_child.SystemCall(SetSignalStack, ChildImage.Scratch, 0, 0), "sigaltstack");

        // SA_SIGINFO, SA_ONSTACK, SA_NODEFER, SA_RESTORER.
        ReadOnlySpan<ulong> action = [ChildImage.Handler, 0x4 | 0x08000000 | 0x40000000 | 0x04000000, ChildImage.Restorer, 0];
        _child.Write(ChildImage.Scratch, MemoryMarshal.AsBytes(action));
        ReadOnlySpan<ulong> signals = [4, 5, 7, 8, 11];
        foreach (ulong signal in signals)
        {
            Expect(_child.SystemCall(SetSignalAction, signal, ChildImage.Scratch, 0, 8), "rt_sigaction");
        }

        for (int i = 0; i < World.Descriptors.Count; i++)
        {
            Descriptor d = World.Descriptors[i];
            uint contents = (uint)(d.Type >> 2);
            uint flags = (d.Big ? 1u : 0) | (contents << 1) | ((d.Type & 2) != 0 ? 0u : 8) | (d.Granular ? 0x10u : 0) | (d.Present ? 0u : 0x20);
            ReadOnlySpan<uint> entry = [(uint)i, d.Base, d.Limit, flags];
            _child.Write(ChildImage.Scratch, MemoryMarshal.AsBytes(entry));
            Expect(_child.SystemCall(ModifyLdt, 0x11, ChildImage.Scratch, 16), "modify_ldt");
        }

        // Reading makes the pages present, so that a write to the read-only one reports a protection violation.
        byte[] page = new byte[World.PageSize];
        foreach (Region region in World.Regions)
        {
            for (uint offset = 0; offset < region.Size; offset += World.PageSize)
            {
                _child.Read(region.Address + offset, page);
            }
        }
    }

    private static void Expect(long result, string call)
    {
        // modify_ldt returns a 32-bit error.
        if ((int)result != 0)
        {
            throw new NativeOracleException($"{call} in the child failed with errno {-(int)result}");
        }
    }

    private Fault ReadFault(int signal)
    {
        _child.Resume(Libc.SingleStep, signal);
        UserRegisters handler = _child.Registers;
        if (handler.Rip != ChildImage.Handler)
        {
            throw new NativeOracleException($"signal {signal} did not reach the child's handler but {handler.Rip:X}h");
        }

        Span<ulong> words = stackalloc ulong[4];
        _child.Read(handler.Rsp + FrameErrorCode, MemoryMarshal.AsBytes(words));
        int vector = (int)words[1];
        bool pageFault = vector == 14;
        uint errorCode = vector is 8 or (>= 10 and <= 14) ? (uint)words[0] : 0;
        return new Fault(vector, pageFault ? errorCode & ~FetchBit : errorCode, pageFault ? (uint)words[3] : 0);
    }
}
