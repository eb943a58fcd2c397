using Harness.Machine;
using Harness.Scenarios;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Systems;

/// <summary>
/// A disk of two sectors that a PC's firmware boots. The first prints a line on COM1, reads the second by INT 13h, prints its text, and ends the run by the
/// exit port; it leaves everything as the firmware set it.
/// </summary>
internal static class BootSector
{
    /// <summary>What the guest sends on COM1.</summary>
    public const string Console = FirstLine + SecondLine;

    /// <summary>What the guest writes to the exit port, v, as 2v + 1.</summary>
    public const int ExitCode = (2 * Success) + 1;

    /// <summary>The exit code if INT 13h fails.</summary>
    public const int FailureCode = (2 * Failure) + 1;

    private const string FirstLine = "boot sector\r\n";
    private const string SecondLine = "second sector\r\n";
    private const byte Success = 0x10;
    private const byte Failure = 0x11;
    private const int SectorBytes = 512;
    private const int SignatureOffset = 510;
    private const ushort Target = 0x8000;

    /// <summary>The whole disk.</summary>
    public static byte[] Disk()
    {
        GuestImage image = Guest.Real16(Program);
        var disk = new byte[2 * SectorBytes];
        foreach (GuestBytes part in image.Contents)
        {
            part.Bytes.Span.CopyTo(disk.AsSpan((int)(part.Address.Value - GuestLayout.BootSector)));
        }

        return disk;
    }

    private static void Program(GuestAssembler a)
    {
        GuestLabel start = a.CreateLabel("start");
        GuestLabel text = a.CreateLabel("text");
        GuestLabel failed = a.CreateLabel("failed");
        GuestLabel stop = a.CreateLabel("stop");
        a.jmp(start);
        GuestLabel putString = a.EmitPutString(a.EmitPutChar());

        // DL is the drive, from the firmware.
        a.Label(start);
        a.xor(ax, ax);
        a.mov(ds, ax);
        a.mov(es, ax);
        a.mov(si, text);
        a.call(putString);

        // Read sectors: AH = 2; AL sectors to ES:BX from cylinder CH, sector CL (from 1), head DH.
        a.mov(ax, 0x0201);
        a.mov(bx, Target);
        a.mov(cx, 2);
        a.mov(dh, 0);
        a.@int(0x13);
        a.jc(failed);
        a.mov(si, Target);
        a.call(putString);
        a.mov(al, Success);
        a.jmp(stop);
        a.Label(failed);
        a.mov(al, Failure);
        a.Label(stop);
        a.Done();
        a.Label(text);
        a.Asciz(FirstLine);
        a.Org(GuestLayout.BootSector + SignatureOffset);
        a.Db(0x55, 0xAA);
        a.Asciz(SecondLine);
    }
}
