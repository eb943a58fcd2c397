using Harness.Hardware.Vmx;

namespace Harness.Engines.Vtx;

/// <summary>A control that the monitor has to be able to set.</summary>
/// <param name="Capability">The MSR that tells whether the processor allows it (SDM Vol. 3D, A.3 to A.5).</param>
/// <param name="Bit">Of the control field.</param>
/// <param name="Name">As the manual spells it.</param>
/// <param name="IsAlwaysSet">Set as long as the guest runs; otherwise only while the monitor has a use for it.</param>
internal sealed record NeededControl(uint Capability, uint Bit, string Name, bool IsAlwaysSet = true)
{
    public const uint PinBased = 0x481;
    public const uint ProcessorBased = 0x482;
    public const uint Exit = 0x483;
    public const uint Entry = 0x484;

    public static IReadOnlyList<NeededControl> All { get; } =
    [
        new(PinBased, PinControls.ExternalInterruptExiting, "external-interrupt exiting"),
        new(ProcessorBased, ProcessorControls.HltExiting, "HLT exiting"),
        new(ProcessorBased, ProcessorControls.InvlpgExiting, "INVLPG exiting"),
        new(ProcessorBased, ProcessorControls.RdpmcExiting, "RDPMC exiting"),
        new(ProcessorBased, ProcessorControls.Cr3LoadExiting, "CR3-load exiting"),
        new(ProcessorBased, ProcessorControls.Cr3StoreExiting, "CR3-store exiting"),
        new(ProcessorBased, ProcessorControls.MovDrExiting, "MOV-DR exiting"),
        new(ProcessorBased, ProcessorControls.UnconditionalIoExiting, "unconditional I/O exiting"),
        new(ProcessorBased, ProcessorControls.UseIoBitmaps, "I/O bitmaps", IsAlwaysSet: false),
        new(ProcessorBased, ProcessorControls.InterruptWindowExiting, "interrupt-window exiting", IsAlwaysSet: false),
        new(ProcessorBased, ProcessorControls.RdtscExiting, "RDTSC exiting", IsAlwaysSet: false),
        new(Exit, ExitControls.SaveDebugControls, "save debug controls"),
        new(Exit, ExitControls.AcknowledgeInterruptOnExit, "acknowledge interrupt on exit"),
        new(Entry, EntryControls.LoadDebugControls, "load debug controls"),
    ];

    /// <summary>The bits of a field that are set as long as the guest runs.</summary>
    public static uint AlwaysSet(uint capability) => All.Where(c => c.Capability == capability && c.IsAlwaysSet).Aggregate(0u, (bits, c) => bits | c.Bit);

    /// <summary>The high half of the MSR says which bits may be 1.</summary>
    public bool IsAllowedBy(ProcessorModel model) => model.Msrs.Any(m => m.Number == Capability && (m.Reset >> 32 & Bit) != 0);
}
