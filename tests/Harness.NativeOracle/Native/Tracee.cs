using System.Runtime.InteropServices;

namespace Harness.NativeOracle.Native;

/// <summary>Why the processor cannot be asked on this computer, or what went wrong while it was.</summary>
/// <param name="message">What was tried and what came back.</param>
public sealed class NativeOracleException(string message) : Exception(message);

/// <summary>A stopped child process under ptrace. All calls must come from the thread that made it: ptrace binds to a thread.</summary>
internal sealed unsafe class Tracee : IDisposable
{
    private readonly int _pid;
    private readonly int _thread = Environment.CurrentManagedThreadId;

    /// <summary>Starts the program and stops it.</summary>
    /// <param name="program">An ELF file.</param>
    /// <exception cref="NativeOracleException">The kernel or a sandbox refused a call.</exception>
    public Tracee(byte[] program)
    {
        int file = Libc.memfd_create("native-oracle", 1);
        Check(file, "memfd_create");
        fixed (byte* bytes = program)
        {
            Check(Libc.write(file, bytes, (nuint)program.Length), "write to the memory file");
        }

        ReadOnlySpan<byte> name = "native-oracle\0"u8;
        int pid;
        int error;
        fixed (byte* first = name)
        {
            byte** arguments = stackalloc byte*[2] { first, null };
            error = Libc.posix_spawn(&pid, $"/proc/self/fd/{file}", null, null, arguments, arguments + 1);
        }

        Libc.close(file);
        if (error != 0)
        {
            throw new NativeOracleException($"posix_spawn of the child failed with errno {error}");
        }

        _pid = pid;
        try
        {
            Check(Libc.ptrace(Libc.Seize, _pid, 0, Libc.OptionExitKill), "ptrace(SEIZE)");
            Check(Libc.ptrace(Libc.Interrupt, _pid, 0, 0), "ptrace(INTERRUPT)");
            Wait();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Lets the child run until it stops, and gives the signal that stopped it.</summary>
    /// <param name="request"><see cref="Libc.Continue"/> or <see cref="Libc.SingleStep"/>.</param>
    /// <param name="signal">A signal to deliver, or 0.</param>
    public int Resume(long request, int signal = 0)
    {
        Check(Libc.ptrace(request, _pid, 0, signal), "ptrace(resume)");
        return Wait();
    }

    public UserRegisters Registers
    {
        get
        {
            UserRegisters registers;
            Check(Libc.ptrace(Libc.GetRegisters, _pid, 0, (nint)(&registers)), "ptrace(GETREGS)");
            return registers;
        }
        set => Check(Libc.ptrace(Libc.SetRegisters, _pid, 0, (nint)(&value)), "ptrace(SETREGS)");
    }

    /// <summary>The si_code of the signal that stopped the child.</summary>
    public int SignalCode
    {
        get
        {
            int* information = stackalloc int[32];
            Check(Libc.ptrace(Libc.GetSignalInfo, _pid, 0, (nint)information), "ptrace(GETSIGINFO)");
            return information[2];
        }
    }

    /// <summary>Executes a system call in the child.</summary>
    public long SystemCall(ulong number, ulong first, ulong second, ulong third, ulong fourth = 0)
    {
        Registers = new UserRegisters
        {
            Rax = number,
            Rdi = first,
            Rsi = second,
            Rdx = third,
            R10 = fourth,
            Rip = ChildImage.SystemCall,
            Rsp = ChildImage.Scratch + 0x800,
            Eflags = 0x202,
            Cs = 0x33,
            Ss = 0x2B,
            OrigRax = ulong.MaxValue,
        };
        Resume(Libc.SingleStep);
        return (long)Registers.Rax;
    }

    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            IoVector local = new() { Base = (nint)start, Length = (nuint)bytes.Length };
            IoVector remote = new() { Base = (nint)address, Length = (nuint)bytes.Length };
            CheckLength(Libc.process_vm_writev(_pid, &local, 1, &remote, 1, 0), bytes.Length, "process_vm_writev");
        }
    }

    public void Read(ulong address, Span<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            IoVector local = new() { Base = (nint)start, Length = (nuint)bytes.Length };
            IoVector remote = new() { Base = (nint)address, Length = (nuint)bytes.Length };
            CheckLength(Libc.process_vm_readv(_pid, &local, 1, &remote, 1, 0), bytes.Length, "process_vm_readv");
        }
    }

    /// <summary>Reads several ranges into one buffer, one behind the other, in one call.</summary>
    public void Gather(ReadOnlySpan<IoVector> ranges, Span<byte> bytes)
    {
        fixed (byte* start = bytes)
        fixed (IoVector* remote = ranges)
        {
            IoVector local = new() { Base = (nint)start, Length = (nuint)bytes.Length };
            CheckLength(Libc.process_vm_readv(_pid, &local, 1, remote, (nuint)ranges.Length, 0), bytes.Length, "process_vm_readv");
        }
    }

    public void Dispose()
    {
        Libc.kill(_pid, 9);
        int status;
        Libc.waitpid(_pid, &status, Libc.WaitAll);
    }

    private static void CheckLength(nint done, int wanted, string call)
    {
        Check(done, call);
        if (done != wanted)
        {
            throw new NativeOracleException($"{call} moved {done} of {wanted} bytes");
        }
    }

    private static void Check(long result, string call)
    {
        if (result < 0)
        {
            throw new NativeOracleException($"{call} failed with errno {Marshal.GetLastPInvokeError()} ({Marshal.GetLastPInvokeErrorMessage()})");
        }
    }

    private int Wait()
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            throw new NativeOracleException("the processor is asked from another thread than the one that opened it: ptrace binds to a thread");
        }

        int status;
        const int interrupted = 4;
        while (Libc.waitpid(_pid, &status, Libc.WaitAll) < 0)
        {
            if (Marshal.GetLastPInvokeError() != interrupted)
            {
                Check(-1, "waitpid");
            }
        }

        if ((status & 0xFF) != 0x7F)
        {
            throw new NativeOracleException($"the child ended with wait status {status:X}h");
        }

        return (status >> 8) & 0xFF;
    }
}
