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
    /// Reads a sector of the primary master by programmed I/O (ATA/ATAPI-6, 9.5). EAX: its number, of 28 bits; EDI: where its 512 bytes go. EAX: 0, or -1 after an error.
    /// Changes ECX, EDX and EDI.
    /// </summary>
    public static GuestLabel EmitReadSector(this GuestAssembler a)
    {
        const ushort SectorCount = 0x1F2;
        const ushort Data = 0x1F0;
        const ushort Status = 0x1F7;
        const byte Busy = 0x80;
        const byte HasData = 0x08;
        const byte ReadSectors = 0x20;
        const int Words = 256;
        GuestLabel routine = a.Here("readSector");
        GuestLabel failed = a.CreateLabel("readSector.failed");
        a.mov(ecx, eax);
        a.mov(dx, SectorCount);
        a.mov(al, (byte)1);
        a.@out(dx, al);
        for (byte shift = 0; shift < 24; shift += 8)
        {
            a.inc(edx);
            a.mov(eax, ecx);
            a.shr(eax, shift);
            a.@out(dx, al);
        }

        // Bits 24 to 27 of the number; its addresses are linear and the drive is the master.
        a.inc(edx);
        a.mov(eax, ecx);
        a.shr(eax, 24);
        a.or(al, unchecked((sbyte)0xE0));
        a.@out(dx, al);
        a.mov(dx, Status);
        a.mov(al, ReadSectors);
        a.@out(dx, al);
        GuestLabel wait = a.Here("readSector.wait");
        a.@in(al, dx);

        // Nothing drives the lines: there is no disk.
        a.cmp(al, -1);
        a.je(failed);
        a.test(al, unchecked((sbyte)Busy));
        a.jne(wait);
        a.test(al, HasData);
        a.je(failed);
        a.mov(dx, Data);
        a.mov(ecx, Words);
        a.cld();
        GuestLabel word = a.Here("readSector.word");
        a.@in(ax, dx);
        a.stosw();
        a.dec(ecx);
        a.jne(word);
        a.xor(eax, eax);
        a.ret();
        a.Label(failed);
        a.mov(eax, -1);
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
