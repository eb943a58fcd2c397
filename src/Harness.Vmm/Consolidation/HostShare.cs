namespace Harness.Vmm;

/// <summary>
/// One machine's part of a host that has several: the monitors' memory lies in front, <see cref="GuestMachine.MonitorBytes"/> for each machine, the frames of all
/// guests behind it. Each monitor sees its own part at host-physical address 0 and the frames behind it, so that it need not know of the others; which part that is
/// changes with the machine that runs, as a window of the processor's would.
/// </summary>
public sealed class HostShare(Ram ram, int machine, int machines, FrameMap frames)
{
    public Ram Ram => ram;

    public FrameMap Frames => frames;

    /// <summary>Of the monitor's memory in <see cref="Ram"/>, in bytes.</summary>
    public long MonitorStart => machine * GuestMachine.MonitorBytes;

    /// <summary>Of the guests' frames in <see cref="Ram"/>, in bytes.</summary>
    public long FramesStart => machines * GuestMachine.MonitorBytes;

    /// <summary>What lies between a host-physical address of a frame, as the monitor sees it, and its offset in <see cref="Ram"/>.</summary>
    public long Origin => FramesStart - GuestMachine.MonitorBytes;

    /// <summary>Told of each page that the guest gives to its balloon or takes back. False: it is no page of the guest's RAM.</summary>
    internal Func<uint, bool, bool>? Balloon { get; set; }

    /// <summary>A reason for a hidden fault, as events spell it.</summary>
    public static string Name(FrameFault fault) => fault switch
    {
        FrameFault.Untouched => "first-touch",
        FrameFault.Ballooned => "ballooned",
        FrameFault.Swapped => "swapped",
        FrameFault.Shared => "copy-on-write",
        FrameFault.Sampled => "sampled",
        _ => "shadow-miss",
    };
}
