namespace Harness.Scenarios;

/// <summary>Drivers: a keyboard that interrupts, with programs that sleep until it does, and a disk that is asked until it has the data.</summary>
public sealed partial class GuestKernel
{
    private const byte KeyboardData = 0x60;
    private const int KeyboardLine = 1;

    // Where the next scan code goes, where the next one is taken from, then the codes.
    private const int KeysTail = 0;
    private const int KeysHead = 4;
    private const int Keys = 8;
    private const int KeyCount = 16;
    private readonly GuestLabel _keys;
    private readonly GuestLabel _idle;

    /// <summary>Some process may wait for what only an interrupt brings.</summary>
    private bool Sleeps => _services.Contains(Service.ReadKey);

    /// <summary>
    /// A scan code of the keyboard, in EAX. In ring-0 code the keyboard is asked until it has one. A program makes a system call and sleeps until the interrupt; 15
    /// codes are kept for those who ask later.
    /// </summary>
    public void ReadKey(GuestAssembler a)
    {
        Given.NotNull(a, "the assembler of the code that waits for a key");
        if (_inProgram)
        {
            _switches = true;
            Call(a, Service.ReadKey);
            return;
        }

        _readsKeys = true;
        a.xor(eax, eax);
        a.call(_readKey);
    }

    /// <summary>
    /// In a program: reads a sector of the first disk. EBX: its number, ECX: where its 512 bytes go. EAX: 0, or -1 after an error.
    /// </summary>
    public void ReadSector(GuestAssembler a) => Call(a, Service.ReadSector);

    private void AddKeyboardHandler()
    {
        if (Sleeps)
        {
            OnIrq(KeyboardLine, EmitKeyboardInterrupt);
        }
    }

    /// <summary>The code is the result of whoever sleeps for one, or is kept.</summary>
    private void EmitKeyboardInterrupt(GuestAssembler a)
    {
        GuestLabel next = a.CreateLabel("keyboard.next");
        GuestLabel end = a.CreateLabel("keyboard.end");
        a.xor(eax, eax);
        a.@in(al, KeyboardData);
        a.mov(edi, _controlBlocks);
        GuestLabel process = a.Here("keyboard.process");
        a.cmp(__dword_ptr[edi + State], AwaitsKey);
        a.jne(next);
        a.mov(__dword_ptr[edi + State], Ready);
        a.mov(edi, __dword_ptr[edi + SavedEsp]);
        a.mov(__dword_ptr[edi + FrameEax], eax);
        a.jmp(end);
        a.Label(next);
        EmitNextControlBlock(a, process);
        a.mov(edx, __dword_ptr[_keys + KeysTail]);
        a.mov(__byte_ptr[edx + (long)(_keys + Keys)], al);
        EmitNextKey(a);
        a.cmp(edx, __dword_ptr[_keys + KeysHead]);
        a.je(end);
        a.mov(__dword_ptr[_keys + KeysTail], edx);
        a.Label(end);
    }

    private void EmitReadKey(GuestAssembler a)
    {
        GuestLabel isThere = a.CreateLabel("readKey.isThere");
        a.mov(edx, __dword_ptr[_keys + KeysHead]);
        a.cmp(edx, __dword_ptr[_keys + KeysTail]);
        a.jne(isThere);
        a.mov(ebp, __dword_ptr[_current]);
        a.mov(__dword_ptr[ebp + State], AwaitsKey);
        a.jmp(_schedule);
        a.Label(isThere);
        a.movzx(eax, __byte_ptr[edx + (long)(_keys + Keys)]);
        EmitNextKey(a);
        a.mov(__dword_ptr[_keys + KeysHead], edx);
    }

    private static void EmitNextKey(GuestAssembler a)
    {
        a.inc(edx);
        a.and(edx, KeyCount - 1);
    }

    /// <summary>No process is ready: waits for an interrupt as a process of its own, which never goes on where it was left.</summary>
    private void EmitIdle(GuestAssembler a)
    {
        a.mov(ebx, _idle);
        a.mov(__dword_ptr[_current], ebx);
        a.mov(esp, GuestLayout.Stack);
        a.sti();
        a.hlt();
        a.cli();
    }

    private void EmitReadSector(GuestAssembler a)
    {
        a.mov(eax, ebx);
        a.mov(edi, ecx);
        a.call(_readSector);
    }
}
