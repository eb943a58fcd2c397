namespace Harness.Scenarios;

/// <summary>Subroutines for devices of a PC, for 16- and 32-bit code with port access. Each is emitted where it is called and ends by RET: jump around it.</summary>
public static class GuestRoutines
{
    private const ushort Com1Data = 0x3F8;
    private const ushort Com1LineStatus = 0x3FD;
    private const byte TransmitterEmpty = 0x20;
    private const byte KeyboardStatus = 0x64;
    private const byte KeyboardData = 0x60;
    private const byte OutputFull = 1;

    /// <summary>Sends AL on COM1 when it is ready. Changes no register.</summary>
    public static GuestLabel EmitPutChar(this GuestAssembler a)
    {
        GuestLabel routine = a.Here("putChar");
        a.push(edx);
        a.push(eax);
        a.mov(dx, Com1LineStatus);
        GuestLabel wait = a.Here("putChar.wait");
        a.@in(al, dx);
        a.test(al, TransmitterEmpty);
        a.je(wait);
        a.pop(eax);
        a.mov(dx, Com1Data);
        a.@out(dx, al);
        a.pop(edx);
        a.ret();
        return routine;
    }

    /// <summary>Sends the characters from DS:ESI (DS:SI in 16-bit code) up to a zero through <paramref name="putChar"/>. Changes AL, (E)SI and flags.</summary>
    public static GuestLabel EmitPutString(this GuestAssembler a, GuestLabel putChar)
    {
        GuestLabel routine = a.Here("putString");
        GuestLabel end = a.CreateLabel("putString.end");
        a.cld();
        GuestLabel next = a.Here("putString.next");
        a.lodsb();
        a.test(al, al);
        a.je(end);
        a.call(putChar);
        a.jmp(next);
        a.Label(end);
        a.ret();
        return routine;
    }

    /// <summary>Waits for the keyboard and returns its scan code in AL. Changes flags.</summary>
    public static GuestLabel EmitReadKey(this GuestAssembler a)
    {
        GuestLabel routine = a.Here("readKey");
        a.@in(al, KeyboardStatus);
        a.test(al, OutputFull);
        a.je(routine);
        a.@in(al, KeyboardData);
        a.ret();
        return routine;
    }

    /// <summary>
    /// Initializes both interrupt controllers: lines 0-7 at vectors 20h-27h, 8-15 at 28h-2Fh, <paramref name="openLines"/> (bit n: line n) open. Inline; changes AL.
    /// </summary>
    public static void EmitPicSetup(this GuestAssembler a, ushort openLines)
    {
        ReadOnlySpan<(byte Port, byte Value)> writes =
        [
            (0x20, 0x11), (0xA0, 0x11), (0x21, GuestKernel.FirstIrqVector), (0xA1, GuestKernel.FirstIrqVector + 8),
            (0x21, 4), (0xA1, 2), (0x21, 1), (0xA1, 1), (0x21, (byte)~openLines), (0xA1, (byte)(~openLines >> 8)),
        ];
        foreach (var (port, value) in writes)
        {
            a.mov(al, value);
            a.@out(port, al);
        }
    }

    /// <summary>Starts counter 0 as a rate generator, 1,193,182 / <paramref name="divisor"/> interrupts a second. Inline; changes AL.</summary>
    public static void EmitTimerSetup(this GuestAssembler a, ushort divisor)
    {
        a.mov(al, (byte)0x34);
        a.@out((byte)0x43, al);
        a.mov(al, (byte)divisor);
        a.@out((byte)0x40, al);
        a.mov(al, (byte)(divisor >> 8));
        a.@out((byte)0x40, al);
    }
}
