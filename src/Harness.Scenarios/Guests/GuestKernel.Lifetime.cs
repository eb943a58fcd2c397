namespace Harness.Scenarios;

/// <summary>How processes begin and end.</summary>
public sealed partial class GuestKernel
{
    /// <summary>In a program: ends the process; the last one ends the run.</summary>
    public void Exit(GuestAssembler a) => Call(a, Service.Exit);

    /// <summary>
    /// In a program: makes a copy of the process, which goes on here too. EAX: 0 in the copy, the copy's number in the original, -1 without a free place. They share
    /// their pages until one of them writes.
    /// </summary>
    public void Fork(GuestAssembler a)
    {
        if (Paging == GuestPaging.None)
        {
            throw new GuestBuildException("Fork expects paging, so that the copy has the same addresses: set Paging first.");
        }

        Call(a, Service.Fork);
    }

    /// <summary>
    /// In a program: waits until a process that this one made by <see cref="Fork"/> ends. EAX: its number, which is free then, or -1 if there is none to wait for.
    /// </summary>
    public void Wait(GuestAssembler a)
    {
        _switches = true;
        Call(a, Service.Wait);
    }

    /// <summary>
    /// In a program: begins anew as the program with a number that <see cref="Program"/> or <see cref="User"/> returned, in the memory that it was built with, all
    /// registers but ESP zero.
    /// </summary>
    public void Exec(GuestAssembler a, int program)
    {
        Given.NotNull(a, "the assembler of the program");
        if (Paging == GuestPaging.None)
        {
            throw new GuestBuildException("Exec expects paging, so that programs have the same addresses: set Paging first.");
        }

        a.mov(ebx, program);
        Call(a, Service.Exec);
    }

    private void EmitFork(GuestAssembler a)
    {
        GuestLabel found = a.CreateLabel("fork.found");
        GuestLabel end = a.CreateLabel("fork.end");
        a.mov(ebp, _controlBlocks);
        GuestLabel search = a.Here("fork.search");
        a.cmp(__dword_ptr[ebp + State], Free);
        a.je(found);
        a.add(ebp, ControlBlockBytes);
        a.cmp(ebp, _controlBlocks + ProcessCount * ControlBlockBytes);
        a.jb(search);
        a.mov(eax, -1);
        a.jmp(end);

        a.Label(found);
        a.mov(__dword_ptr[ebp + State], Ready);
        a.mov(eax, __dword_ptr[_current]);
        a.mov(__dword_ptr[ebp + Parent], eax);
        a.inc(__dword_ptr[_alive]);
        a.cld();
        a.mov(edi, __dword_ptr[ebp + StackTop]);
        a.sub(edi, FrameDoublewords * 4);
        a.mov(__dword_ptr[ebp + SavedEsp], edi);
        a.mov(esi, esp);
        a.mov(ecx, FrameDoublewords);
        a.rep.movsd();
        a.mov(eax, __dword_ptr[ebp + SavedEsp]);
        a.mov(__dword_ptr[eax + FrameEax], 0);
        EmitShareMemory(a);
        EmitNumber(a);
        a.Label(end);
    }

    private void EmitExec(GuestAssembler a)
    {
        a.push(ebx);
        a.mov(ebp, __dword_ptr[_current]);
        EmitReleaseMemory(a);
        a.pop(esi);
        a.shl(esi, (byte)int.Log2(ControlBlockBytes));
        a.mov(esi, __dword_ptr[esi + (long)(_controlBlocks + Memory)]);
        a.add(esi, GuestLayout.ProcessBytes);
        a.mov(ebx, ImagePages);
        GuestLabel page = a.Here("exec.page");
        a.dec(ebx);
        a.sub(esi, PageBytes);
        a.lea(eax, __[esi + (int)Present]);
        EmitCountFrame(a, frame => a.inc(frame));
        EmitSetEntry(a);
        a.test(ebx, ebx);
        a.jne(page);
        EmitFlushEntries(a);
        a.mov(eax, __dword_ptr[ebp + SavedCr3]);
        a.mov(cr3, eax);
        a.cld();
        a.mov(edi, esp);
        a.xor(eax, eax);
        a.mov(ecx, 8);
        a.rep.stosd();
        a.mov(__dword_ptr[esp + FrameEip], GuestLayout.ProcessBase);
        a.mov(__dword_ptr[esp + FrameEsp], GuestLayout.ProcessBase + GuestLayout.ProcessBytes);
    }

    private void EmitExit(GuestAssembler a)
    {
        if (!HasManyProcesses)
        {
            a.Done();
            return;
        }

        GuestLabel ended = a.CreateLabel("exit.ended");
        GuestLabel next = a.CreateLabel("exit.next");
        a.mov(ebp, __dword_ptr[_current]);
        if (ManagesMemory)
        {
            EmitReleaseMemory(a);
            EmitFlushEntries(a);
        }

        // Nobody will ask for the children of this one.
        a.mov(edi, _controlBlocks);
        GuestLabel child = a.Here("exit.child");
        a.cmp(__dword_ptr[edi + Parent], ebp);
        a.jne(next);
        a.mov(__dword_ptr[edi + Parent], 0);
        a.cmp(__dword_ptr[edi + State], Ended);
        a.jne(next);
        a.mov(__dword_ptr[edi + State], Free);
        a.Label(next);
        EmitNextControlBlock(a, child);

        a.mov(__dword_ptr[ebp + State], Free);
        a.mov(edi, __dword_ptr[ebp + Parent]);
        a.test(edi, edi);
        a.je(ended);
        a.mov(__dword_ptr[ebp + State], Ended);
        a.cmp(__dword_ptr[edi + State], Waiting);
        a.jne(ended);
        a.mov(__dword_ptr[edi + State], Ready);
        a.mov(edi, __dword_ptr[edi + SavedEsp]);
        EmitReap(a);
        a.mov(__dword_ptr[edi + FrameEax], eax);
        a.Label(ended);
        a.mov(ebx, __dword_ptr[_current]);
        a.dec(__dword_ptr[_alive]);
        a.jne(_scheduleNext);
        a.Done();
    }

    private void EmitWait(GuestAssembler a)
    {
        GuestLabel next = a.CreateLabel("wait.next");
        GuestLabel end = a.CreateLabel("wait.end");
        a.mov(esi, __dword_ptr[_current]);
        a.mov(eax, -1);
        a.mov(edi, _controlBlocks);
        GuestLabel child = a.Here("wait.child");
        a.cmp(__dword_ptr[edi + Parent], esi);
        a.jne(next);
        a.xor(eax, eax);
        a.mov(ebp, edi);
        a.cmp(__dword_ptr[edi + State], Ended);
        GuestLabel reap = a.CreateLabel("wait.reap");
        a.je(reap);
        a.Label(next);
        EmitNextControlBlock(a, child);
        a.test(eax, eax);
        a.jne(end);
        a.mov(__dword_ptr[esi + State], Waiting);
        a.jmp(_schedule);
        a.Label(reap);
        EmitReap(a);
        a.Label(end);
    }

    /// <summary>Frees the place of the process whose control block EBP names. EAX: its number.</summary>
    private void EmitReap(GuestAssembler a)
    {
        a.mov(__dword_ptr[ebp + State], Free);
        a.mov(__dword_ptr[ebp + Parent], 0);
        EmitNumber(a);
    }

    /// <summary>EAX: the number, from 1, of the process whose control block EBP names: 0 tells a copy from its original.</summary>
    private void EmitNumber(GuestAssembler a)
    {
        a.mov(eax, ebp);
        a.sub(eax, _controlBlocks);
        a.shr(eax, (byte)int.Log2(ControlBlockBytes));
        a.inc(eax);
    }

    /// <summary>EDI: the control block behind, for which the loop goes on if there is one.</summary>
    private void EmitNextControlBlock(GuestAssembler a, GuestLabel loop)
    {
        a.add(edi, ControlBlockBytes);
        a.cmp(edi, _controlBlocks + ProcessCount * ControlBlockBytes);
        a.jb(loop);
    }
}
