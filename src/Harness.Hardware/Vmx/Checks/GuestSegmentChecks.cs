namespace Harness.Hardware.Vmx.Checks;

/// <summary>Checks on the guest's segment registers (SDM Vol. 3C, 26.3.1.2). In virtual-8086 mode all six are as that mode loads them.</summary>
internal static class GuestSegmentChecks
{
    private const string Section = "26.3.1.2";
    private const uint Virtual8086Rights = 0xF3;
    private const uint ReservedLow = 0xF00;
    private const uint ReservedHigh = 0xFFFE0000;
    private const uint CodeConforming = AccessRights.Code | AccessRights.ExpandDownOrConforming;

    private static readonly SegmentName[] Six =
        [SegmentName.CS, SegmentName.SS, SegmentName.DS, SegmentName.ES, SegmentName.FS, SegmentName.GS];

    public static readonly EntryCheck[] Rows = [.. Selectors(), .. Virtual8086(), .. Types(), .. Levels(), .. Common(), .. TaskAndTable()];

    private static IEnumerable<EntryCheck> Selectors() =>
    [
        new(Section, "TR lies in the GDT", c => !Selector.IsLocal(c.Segment(SegmentName.TR).Selector)),
        new(Section, "LDTR lies in the GDT", c => !c.Segment(SegmentName.LDTR).IsUsable || !Selector.IsLocal(c.Segment(SegmentName.LDTR).Selector)),
        new(Section, "SS has the RPL of CS", c => c.IsVirtual8086 || c.Segment(SegmentName.SS).Rpl == c.Segment(SegmentName.CS).Rpl),
    ];

    private static IEnumerable<EntryCheck> Virtual8086()
    {
        foreach (SegmentName name in Six)
        {
            yield return new(Section, $"{name} base in virtual-8086 mode is the selector times 16", c =>
                !c.IsVirtual8086 || c.Segment(name).Base == (uint)c.Segment(name).Selector << 4);
            yield return new(Section, $"{name} limit in virtual-8086 mode is FFFFh", c => !c.IsVirtual8086 || c.Segment(name).Limit == SegmentLoad.RealLimit);
            yield return new(Section, $"{name} access rights in virtual-8086 mode are F3h", c => !c.IsVirtual8086 || c.Segment(name).Rights == Virtual8086Rights);
        }
    }

    private static IEnumerable<EntryCheck> Types()
    {
        yield return Loaded(SegmentName.CS, "type is accessed code", s => (s.Type & (AccessRights.Code | AccessRights.Accessed)) == (AccessRights.Code | AccessRights.Accessed));
        yield return Loaded(SegmentName.SS, "type is accessed writable data", s => s.Type is 3 or 7);
        foreach (SegmentName name in Six[2..])
        {
            yield return Loaded(name, "type is accessed", s => (s.Type & AccessRights.Accessed) != 0);
            yield return Loaded(name, "type is readable", s => (s.Type & (AccessRights.Code | AccessRights.WritableOrReadable)) != AccessRights.Code);
        }
    }

    private static IEnumerable<EntryCheck> Levels()
    {
        yield return new(Section, "CS DPL fits the CPL", c =>
        {
            GuestSegment code = c.Segment(SegmentName.CS);
            int cpl = c.Segment(SegmentName.SS).Dpl;
            return c.IsVirtual8086 || ((code.Type & CodeConforming) == CodeConforming ? code.Dpl <= cpl : code.Dpl == cpl);
        });
        yield return new(Section, "SS DPL is its RPL", c => c.IsVirtual8086 || c.Segment(SegmentName.SS).Dpl == c.Segment(SegmentName.SS).Rpl);
        foreach (SegmentName name in Six[2..])
        {
            yield return Loaded(name, "DPL is not below its RPL", s => (s.Type & CodeConforming) == CodeConforming || s.Dpl >= s.Rpl);
        }
    }

    private static IEnumerable<EntryCheck> Common()
    {
        foreach (SegmentName name in Six)
        {
            yield return Loaded(name, "is code or data", s => (s.Rights & AccessRights.S) != 0);
            yield return Loaded(name, "is present", s => (s.Rights & AccessRights.P) != 0);
            yield return Loaded(name, "access rights 11:8 are 0", s => (s.Rights & ReservedLow) == 0);
            yield return Loaded(name, "G fits the limit", HasFittingGranularity);
            yield return Loaded(name, "access rights 31:17 are 0", s => (s.Rights & ReservedHigh) == 0);
        }
    }

    private static IEnumerable<EntryCheck> TaskAndTable()
    {
        foreach (SegmentName name in new[] { SegmentName.TR, SegmentName.LDTR })
        {
            yield return System(name, name == SegmentName.TR ? "is a busy TSS" : "is an LDT", s =>
                name == SegmentName.TR ? s.Type is SystemType.BusyTss16 or SystemType.BusyTss32 : s.Type == SystemType.Ldt);
            yield return System(name, "is a system segment", s => (s.Rights & AccessRights.S) == 0);
            yield return System(name, "is present", s => (s.Rights & AccessRights.P) != 0);
            yield return System(name, "access rights 11:8 are 0", s => (s.Rights & ReservedLow) == 0);
            yield return System(name, "G fits the limit", HasFittingGranularity);
            yield return System(name, "access rights 31:17 are 0", s => (s.Rights & ReservedHigh) == 0);
        }

        yield return new(Section, "TR is usable", c => c.Segment(SegmentName.TR).IsUsable);
    }

    /// <summary>A rule for CS, and for the data segments where they are usable, outside virtual-8086 mode.</summary>
    private static EntryCheck Loaded(SegmentName name, string rule, Func<GuestSegment, bool> holds) => new(Section, $"{name} {rule}", c =>
        c.IsVirtual8086 || (name != SegmentName.CS && !c.Segment(name).IsUsable) || holds(c.Segment(name)));

    private static EntryCheck System(SegmentName name, string rule, Func<GuestSegment, bool> holds) => new(Section, $"{name} {rule}", c =>
        (name == SegmentName.LDTR && !c.Segment(name).IsUsable) || holds(c.Segment(name)));

    /// <summary>Low limit bits that are not all 1 need G=0, high ones that are not all 0 need G=1.</summary>
    private static bool HasFittingGranularity(GuestSegment segment) =>
        (segment.Rights & AccessRights.G) != 0 ? (segment.Limit & 0xFFF) == 0xFFF : (segment.Limit & 0xFFF00000) == 0;
}
