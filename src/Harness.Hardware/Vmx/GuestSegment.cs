namespace Harness.Hardware.Vmx;

/// <summary>A segment register in the guest-state area: its four fields lie apart, each in the order ES, CS, SS, DS, FS, GS, LDTR, TR.</summary>
public readonly record struct GuestSegment(ushort Selector, uint Base, uint Limit, uint Rights)
{
    public bool IsUsable => (Rights & AccessRights.Unusable) == 0;

    public uint Type => Rights & AccessRights.TypeMask;

    public int Dpl => (int)(Rights & AccessRights.DplMask) >> AccessRights.DplShift;

    public int Rpl => Isa.Selector.Rpl(Selector);

    public static VmcsField SelectorField(SegmentName name) => VmcsField.GuestEsSelector + (ushort)(2 * (int)name);

    public static VmcsField LimitField(SegmentName name) => VmcsField.GuestEsLimit + (ushort)(2 * (int)name);

    public static VmcsField RightsField(SegmentName name) => VmcsField.GuestEsAccessRights + (ushort)(2 * (int)name);

    public static VmcsField BaseField(SegmentName name) => VmcsField.GuestEsBase + (ushort)(2 * (int)name);

    public static GuestSegment Read(VmcsImage vmcs, SegmentName name) =>
        new((ushort)vmcs.Low(SelectorField(name)), vmcs.Low(BaseField(name)), vmcs.Low(LimitField(name)), vmcs.Low(RightsField(name)));

    public static void Write(VmcsImage vmcs, SegmentName name, ushort selector, uint @base, uint limit, uint rights)
    {
        vmcs[SelectorField(name)] = selector;
        vmcs[BaseField(name)] = @base;
        vmcs[LimitField(name)] = limit;
        vmcs[RightsField(name)] = rights;
    }
}
