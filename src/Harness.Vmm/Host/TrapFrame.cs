namespace Harness.Vmm;

/// <summary>
/// What an exception or interrupt leaves a ring-0 handler to see: the frame on the stack, the general registers, the visible parts of the data segment
/// registers and CR2. Setting it and resuming is all that a monitor can do to the guest's registers.
/// </summary>
public sealed class TrapFrame
{
    private readonly uint[] _gprs = new uint[8];

    public byte Vector { get; set; }

    /// <summary>Zero where the vector has none.</summary>
    public uint ErrorCode { get; set; }

    public uint Eip { get; set; }

    public ushort Cs { get; set; }

    public uint Eflags { get; set; }

    public uint Esp { get; set; }

    public ushort Ss { get; set; }

    public ushort Es { get; set; }

    public ushort Ds { get; set; }

    public ushort Fs { get; set; }

    public ushort Gs { get; set; }

    /// <summary>CR2 at the trap; meaningful for #PF.</summary>
    public uint Cr2 { get; set; }

    /// <summary>EAX, ECX, EDX, EBX, (ESP is apart), EBP, ESI, EDI by number; number 4 is <see cref="Esp"/>.</summary>
    public uint this[int number]
    {
        get => number == 4 ? Esp : _gprs[number];
        set
        {
            if (number == 4)
            {
                Esp = value;
            }
            else
            {
                _gprs[number] = value;
            }
        }
    }
}
