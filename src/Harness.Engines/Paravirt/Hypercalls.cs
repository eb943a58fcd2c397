using System.Globalization;
using Harness.Machine.Devices;

namespace Harness.Engines.Paravirt;

/// <summary>What each hypercall does. Every argument is the guest's and may be anything.</summary>
internal sealed class Hypercalls(
    ParavirtMonitor monitor, Emulator emulator, DirectPages pages, GuestDescriptors descriptors, GuestTraps traps, SharedPage shared)
{
    private const int CallBytes = 16;
    private const int UpdateBytes = 8;

    /// <summary>In lower case with hyphens; "unknown" for a number that is no call.</summary>
    public static string NameOf(Hypercall call) => call switch
    {
        Hypercall.SetGdt => "set-gdt",
        Hypercall.UpdateDescriptor => "update-descriptor",
        Hypercall.SetTraps => "set-traps",
        Hypercall.SwitchStack => "switch-stack",
        Hypercall.SetPortMap => "set-port-map",
        Hypercall.SetShared => "set-shared",
        Hypercall.InterruptReturn => "interrupt-return",
        Hypercall.Block => "block",
        Hypercall.Deliver => "deliver",
        Hypercall.PortIn => "port-in",
        Hypercall.PortOut => "port-out",
        Hypercall.UpdateEntries => "update-entries",
        Hypercall.UpdateMapping => "update-mapping",
        Hypercall.Pin => "pin",
        Hypercall.Unpin => "unpin",
        Hypercall.LoadDirectory => "load-directory",
        Hypercall.Invalidate => "invalidate",
        Hypercall.Multicall => "multicall",
        Hypercall.SetRing => "set-ring",
        Hypercall.NotifyRing => "notify-ring",
        _ => "unknown",
    };

    /// <summary>The port, or how many calls a batch has; empty for others.</summary>
    public static string DetailOf(Hypercall call, TrapFrame frame) => call switch
    {
        Hypercall.PortIn or Hypercall.PortOut => InstructionText.PortName((ushort)frame[3]),
        Hypercall.Multicall or Hypercall.UpdateEntries => frame[1].ToString(CultureInfo.InvariantCulture),
        _ => "",
    };

    /// <summary>Carries out the call that the frame holds, where it changes nothing of it but EAX.</summary>
    public void Answer(TrapFrame frame)
    {
        pages.Work = 0;
        frame[0] = Answer((Hypercall)frame[0], frame[3], frame[1], frame[2]);
    }

    private uint Answer(Hypercall call, uint ebx, uint ecx, uint edx)
    {
        switch (call)
        {
            case Hypercall.PortIn:
                return IsSize(ebx) ? monitor.PortIn((ushort)ebx, (int)(ebx >> 16), ecx) : unchecked((uint)HypercallResult.BadArgument);
            case Hypercall.Multicall:
                return (uint)Batch(ebx, ecx);
            default:
                return (uint)Single(call, ebx, ecx, edx);
        }
    }

    /// <summary>A call that may be part of a batch.</summary>
    private int Single(Hypercall call, uint ebx, uint ecx, uint edx)
    {
        switch (call)
        {
            case Hypercall.SetGdt:
                return descriptors.Set(ebx, ecx);
            case Hypercall.UpdateDescriptor:
                return descriptors.Update(ebx, new Descriptor((ulong)edx << 32 | ecx));
            case Hypercall.SetTraps:
                return SetTraps(ebx, ecx);
            case Hypercall.SwitchStack:
                traps.SetStack((ushort)ebx, ecx);
                return HypercallResult.Done;
            case Hypercall.SetPortMap:
                return SetPortMap(ebx, ecx);
            case Hypercall.SetShared:
                return shared.Set(ebx);
            case Hypercall.Block:
                monitor.Block(accepts: ebx != 0);
                return HypercallResult.Done;
            case Hypercall.Deliver:
                return HypercallResult.Done;
            case Hypercall.PortOut:
                return PortOut(ebx, ecx);
            case Hypercall.UpdateEntries:
                return UpdateEntries(ebx, ecx);
            case Hypercall.UpdateMapping:
                return pages.UpdateMapping(ebx, ecx);
            case Hypercall.Pin:
                return pages.Pin(ebx);
            case Hypercall.Unpin:
                return pages.Unpin(ebx);
            case Hypercall.LoadDirectory:
                int loaded = pages.Load(ebx);
                shared.Cr3 = pages.VirtualCr3;
                return loaded;
            case Hypercall.Invalidate:
                pages.Invalidate(ebx);
                return HypercallResult.Done;
            case Hypercall.SetRing:
                return monitor.SetRing(ebx, ecx);
            case Hypercall.NotifyRing:
                emulator.Out(BlockRingInterface.DoorbellPort, 4, 0);
                return HypercallResult.Done;
            default:
                return HypercallResult.NoSuchCall;
        }
    }

    private int Batch(uint pointer, uint count) => ForEach(pointer, count, CallBytes, item =>
        Single((Hypercall)BitConverter.ToUInt32(item, 0), BitConverter.ToUInt32(item, 4), BitConverter.ToUInt32(item, 8), BitConverter.ToUInt32(item, 12)));

    private int UpdateEntries(uint pointer, uint count) => ForEach(pointer, count, UpdateBytes, item =>
        pages.UpdateEntry(BitConverter.ToUInt32(item, 0), BitConverter.ToUInt32(item, 4)));

    private int SetTraps(uint pointer, uint count) => ForEach(pointer, count, ParavirtInterface.TrapEntryBytes, item => traps.Set(item));

    /// <summary>One item after the other, each read when it comes: an earlier one may have changed it. Ends with the first that fails.</summary>
    private int ForEach(uint pointer, uint count, int bytes, Func<byte[], int> carryOut)
    {
        if (count > ParavirtInterface.MaximumBatch)
        {
            return HypercallResult.BadArgument;
        }

        var item = new byte[bytes];
        for (uint i = 0; i < count; i++)
        {
            if (++pages.Work > ParavirtInterface.MaximumWork)
            {
                return HypercallResult.BadArgument;
            }

            if (!pages.TryRead(pointer + i * (uint)bytes, item))
            {
                return HypercallResult.BadPointer;
            }

            int result = carryOut(item);
            if (result < 0)
            {
                return result;
            }
        }

        return HypercallResult.Done;
    }

    private int SetPortMap(uint pointer, uint bytes)
    {
        const uint WholeMap = 0x10000 / 8;
        if (bytes > WholeMap)
        {
            return HypercallResult.BadArgument;
        }

        var map = new byte[bytes];
        if (!pages.TryRead(pointer, map))
        {
            return HypercallResult.BadPointer;
        }

        monitor.SetPortMap(map);
        return HypercallResult.Done;
    }

    private int PortOut(uint ebx, uint value)
    {
        if (!IsSize(ebx))
        {
            return HypercallResult.BadArgument;
        }

        emulator.Out((ushort)ebx, (int)(ebx >> 16), value);
        return HypercallResult.Done;
    }

    private static bool IsSize(uint ebx) => ebx >> 16 is 1 or 2 or 4;
}
