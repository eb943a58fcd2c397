namespace Harness.Scenarios;

/// <summary>
/// A place in a guest's code or data, plus a constant: the target of branches, a displacement (<c>__dword_ptr[table + 4]</c>, <c>__[ebx*4 + table]</c>),
/// an immediate where <see cref="GuestAssembler"/> takes one, a field of a descriptor. Its value is the linear address.
/// </summary>
public readonly record struct GuestLabel
{
    // Iced carries branch targets and displacements as 64 bits up to encoding; an address of a guest has 32. So a label travels through it above those.
    private const int TagShift = 40;
    private readonly long _tagged;

    internal GuestLabel(int index) => _tagged = (long)(index + 1) << TagShift;

    private GuestLabel(long tagged) => _tagged = tagged;

    internal int Index => (int)((_tagged + (1L << (TagShift - 1))) >> TagShift) - 1;

    internal long Addend => _tagged - ((long)(Index + 1) << TagShift);

    public static GuestLabel operator +(GuestLabel label, int bytes) => new(label._tagged + bytes);

    public static GuestLabel operator -(GuestLabel label, int bytes) => new(label._tagged - bytes);

    public static implicit operator long(GuestLabel label) => label._tagged != 0
        ? label._tagged
        : throw new GuestBuildException("A label is used that was not created: assign it by CreateLabel or Here first.");

    public static implicit operator ulong(GuestLabel label) => (ulong)(long)label;

    /// <summary>The label in an operand of an instruction, if it is one.</summary>
    internal static bool TryFrom(ulong operand, out GuestLabel label)
    {
        label = new GuestLabel((long)operand);
        return label.Index >= 0;
    }
}
