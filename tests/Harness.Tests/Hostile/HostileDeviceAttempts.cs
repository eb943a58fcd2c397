using Harness.Isa;
using Harness.Machine.Devices;
using Harness.Scenarios;
using Iced.Intel;
using static Harness.Tests.Hostile.HostileAttempt;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hostile;

/// <summary>Attempts by a device that reaches memory by itself. They drive it by its ports, under hypercalls too.</summary>
internal static class HostileDeviceAttempts
{
    private const uint Ring = GuestLayout.Ring;
    private const uint First = BlockRingInterface.Descriptors;

    /// <summary>More than the device takes for what any attempt asks of it.</summary>
    private const uint Patience = 1_500;

    /// <summary>Sectors of the disk: marks, page-table entries that lead out of the guest, descriptors that do, and HLT.</summary>
    private const uint Marks = 0;
    private const uint Entries = 1;
    private const uint Segments = 2;
    private const uint Halts = 3;

    /// <summary>The guest's end, frames behind it, what would wrap into the monitor's memory, and what devices and nothing answer.</summary>
    private static readonly uint[] Outside =
    [
        0xFFF00, 0x100000, 0x1FFE00, 0x20000000, 0x7FFFFF00, 0xFF800000, 0xFF820000, 0xFF821000, 0xFF823E00, 0xFF827000, 0xFFBFFE00, 0xFFC00000, 0xFFFFFE00, 0xFFFFFFFF,
        0xA0000, 0xB8000, 0xBFF00, 0xFEE00000,
    ];

    /// <summary>Host frames of the monitor, which a device would take these for that nobody checks.</summary>
    private static readonly uint[] MonitorFrames = [0x1000, 0x20000, 0x21000, 0x25000, 0x27000];

    public static IReadOnlyList<HostileAttempt> All { get; } = [.. Buffers(), .. Rings(), .. Indices(), .. Races(), .. Tables(), .. Programs()];

    /// <summary>What the disk holds.</summary>
    public static DiskImage Disk()
    {
        byte[] marks = Sector(_ => Mark);
        byte[] entries = Sector(i => (uint)((i % 4) switch { 0 => 0x100000, 1 => 0x500000, 2 => 0x900000, _ => 0xFFC00000 } | 7));
        const uint data = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB;
        var segment = new Descriptor(Descriptor.Segment(0xFFC00000, 0xFFFFF, data).Raw | 3ul << 45);
        byte[] segments = Sector(i => i % 2 == 0 ? segment.Low : segment.High);
        byte[] halts = Sector(_ => 0xF4F4F4F4);
        return DiskImage.FromBytes((byte[])[.. marks, .. entries, .. segments, .. halts, .. new byte[12 * DiskImage.SectorSize]]);
    }

    private static byte[] Sector(Func<int, uint> doubleword) => [.. Enumerable.Range(0, DiskImage.SectorSize / 4).SelectMany(i => BitConverter.GetBytes(doubleword(i)))];

    private static HostileAttempt Attempt(string name, Action<Assembler> code, int ring = 0) => new("device", name, ring, code);

    private static HostileAttempt TableAttempt(string name, Action<Assembler> code) => new("device and tables", name, 0, code);

    private static IEnumerable<HostileAttempt> Buffers()
    {
        foreach (uint buffer in (uint[])[.. Outside, .. MonitorFrames])
        {
            foreach (int sectors in (int[])[1, 8])
            {
                yield return Attempt($"reads {sectors} sectors to {buffer:X8}", a => { Start(a, Ring); Transfer(a, 0, BlockRingInterface.ReadOperation, sectors, Marks, buffer); });
            }

            yield return Attempt($"writes from {buffer:X8} and reads it back", a =>
            {
                Start(a, Ring);
                Transfer(a, 0, BlockRingInterface.WriteOperation, 8, 8, buffer);
                Transfer(a, 1, BlockRingInterface.ReadOperation, 8, 8, buffer);
            });
        }

        foreach (int sectors in (int[])[0, 9, 127, 255])
        {
            yield return Attempt($"reads {sectors} sectors to the last page", a =>
            {
                Start(a, Ring);
                Transfer(a, 0, BlockRingInterface.ReadOperation, sectors, Marks, 0xFF000);
            });
        }

        foreach (uint first in (uint[])[15, 16, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF])
        {
            yield return Attempt($"reads beyond the disk from {first:X}", a => { Start(a, Ring); Transfer(a, 0, BlockRingInterface.ReadOperation, 8, first, 0x80000); });
        }

        foreach (byte operation in (byte[])[2, 0x7F, 0xFF])
        {
            yield return Attempt($"operation {operation:X2}", a => { Start(a, Ring); Transfer(a, 0, operation, 1, Marks, 0x100000); });
        }
    }

    private static IEnumerable<HostileAttempt> Rings()
    {
        foreach (uint ring in (uint[])[.. Outside, 0xF0000, 0xFF000, .. MonitorFrames])
        {
            yield return Attempt($"a ring at {ring & ~0xFFFu:X8}", a => { Start(a, ring); Doorbell(a); Wait(a); });
        }

        foreach (uint ring in (uint[])[0x8000, GuestLayout.Gdt, GuestLayout.Shared, GuestLayout.Code, GuestLayout.ProcessTables, GuestLayout.ProcessTables + 0x1000, GuestLayout.ProcessTables + 0x2000])
        {
            yield return Attempt($"a ring over its own page {ring:X}", a =>
            {
                a.mov(esp, 0x7000);
                Start(a, ring);
                Doorbell(a);
                Wait(a);
                Store(a, Window + 8);
            });
        }

        yield return Attempt("a ring that holds its own buffer", a => { Start(a, Ring); Transfer(a, 0, BlockRingInterface.ReadOperation, 8, Marks, Ring); Doorbell(a); Wait(a); });
    }

    private static IEnumerable<HostileAttempt> Indices()
    {
        foreach (uint produced in (uint[])[17, 0x100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
        {
            yield return Attempt($"{produced:X} requests at once", a =>
            {
                Start(a, Ring);
                Request(a, 0, BlockRingInterface.ReadOperation, 1, Marks, 0x100000);
                Produce(a, produced);
            });
            yield return Attempt($"the producer jumps to {produced:X} while the device works", a =>
            {
                Start(a, Ring);
                Request(a, 0, BlockRingInterface.ReadOperation, 8, Marks, 0x80000);
                a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], 1);
                Doorbell(a);
                Wait(a, 100);
                a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], produced);
                Wait(a);
            });
        }

        yield return Attempt("the producer takes requests back", a =>
        {
            Start(a, Ring);
            for (uint i = 0; i < 4; i++)
            {
                Request(a, i, BlockRingInterface.ReadOperation, 1, Marks, 0x80000);
            }

            a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], 4);
            Doorbell(a);
            Wait(a, 100);
            a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], 1);
            Wait(a);
        });
        yield return Attempt("the producer goes back", a =>
        {
            Start(a, Ring);
            Transfer(a, 0, BlockRingInterface.ReadOperation, 1, Marks, 0x80000);
            Produce(a, 0);
        });
    }

    /// <summary>A descriptor that is good when it is looked at, and other when it is used.</summary>
    private static IEnumerable<HostileAttempt> Races()
    {
        foreach (uint after in (uint[])[1, 19, 21, 30, 400, 519, 521, 1_000])
        {
            foreach (uint field in (uint[])[4, 8, 12])
            {
                yield return Attempt($"field {field} changes {after} ticks after the doorbell", a =>
                {
                    Start(a, Ring);
                    Request(a, 0, BlockRingInterface.ReadOperation, 1, Marks, 0x80000);
                    a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], 1);
                    Doorbell(a);
                    Wait(a, after);
                    a.mov(__dword_ptr[Ring + First + field], field == 12 ? 0xFF820000 : 0xFFFFFF00);
                    Wait(a);
                });
            }

            yield return Attempt($"the ring moves {after} ticks after the doorbell", a =>
            {
                Start(a, Ring);
                Request(a, 0, BlockRingInterface.ReadOperation, 1, Marks, 0x80000);
                a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], 1);
                Doorbell(a);
                Wait(a, after);
                Start(a, 0x100000);
                Doorbell(a);
                Wait(a);
            });
        }
    }

    /// <summary>Data that come where the monitor or the processor takes something from: page tables, descriptors, code.</summary>
    private static IEnumerable<HostileAttempt> Tables()
    {
        foreach (uint table in (uint[])[GuestLayout.ProcessTables, GuestLayout.ProcessTables + 0x1000, GuestLayout.ProcessTables + 0x2000])
        {
            yield return TableAttempt($"page-table entries come to {table:X}", a =>
            {
                // The window is in the second half of a sector; what is mapped around it stays.
                a.mov(eax, __dword_ptr[Window - 0x1000]);
                Start(a, Ring);
                Transfer(a, 0, BlockRingInterface.ReadOperation, 1, Entries, table + (table == GuestLayout.ProcessTables + 0x2000 ? (Window >> 12 & 0x3FF) * 4 : 0x800));
                for (uint page = 0; page < 4; page++)
                {
                    Store(a, Window + page * 0x1000 + 8);
                }
            });
        }

        yield return TableAttempt("descriptors come to the GDT", a =>
        {
            Start(a, Ring);
            Transfer(a, 0, BlockRingInterface.ReadOperation, 1, Segments, GuestLayout.Gdt + 0x48);
            a.mov(eax, 0x4Bu);
            a.mov(ds, eax);
            Store(a, 0x20008);
        });
        yield return TableAttempt("code comes over itself", a => { Start(a, Ring); Transfer(a, 0, BlockRingInterface.ReadOperation, 8, Halts, GuestLayout.Code); });
        yield return TableAttempt("code comes to the unhandled handlers", a =>
        {
            Start(a, Ring);
            Transfer(a, 0, BlockRingInterface.ReadOperation, 8, Halts, GuestLayout.Unhandled);
            a.ud2();
        });
    }

    /// <summary>A program has no business with its kernel's device, whose ring it would put into its own memory.</summary>
    private static IEnumerable<HostileAttempt> Programs()
    {
        const uint offset = 0x8000;
        foreach (uint own in (uint[])[GuestLayout.Processes + offset, Ring])
        {
            yield return Attempt($"a program starts a ring at {own:X}", a =>
            {
                const uint ring = GuestLayout.ProcessBase + offset;
                a.mov(__dword_ptr[ring + First + 4], 1 << 8);
                a.mov(__dword_ptr[ring + First + 8], Marks);
                a.mov(__dword_ptr[ring + First + 12], Secret);
                a.mov(__dword_ptr[ring], 1);
                Start(a, own);
                Doorbell(a);
                Wait(a);
            }, ring: 3);
        }

        yield return Attempt("a program rings its kernel's bell", a => { Doorbell(a); Wait(a); }, ring: 3) with
        {
            Prepare = a =>
            {
                Start(a, Ring);
                Request(a, 0, BlockRingInterface.ReadOperation, 1, Marks, Secret);
                a.mov(__dword_ptr[Ring], 1);
            },
        };
    }

    private static void Start(Assembler a, uint ring) => Out(a, BlockRingInterface.RingPort, ring);

    private static void Doorbell(Assembler a) => Out(a, BlockRingInterface.DoorbellPort, 0);

    private static void Out(Assembler a, ushort port, uint value)
    {
        a.mov(edx, port);
        a.mov(eax, value);
        a.@out(dx, eax);
    }

    /// <summary>LOOP to itself.</summary>
    private static void Wait(Assembler a, uint ticks = Patience)
    {
        a.mov(ecx, ticks);
        a.db(0xE2, 0xFE);
    }

    private static void Store(Assembler a, uint at) => a.mov(__dword_ptr[at], Mark);

    private static void Request(Assembler a, uint index, byte operation, int sectors, uint first, uint buffer)
    {
        uint at = Ring + First + index * BlockRingInterface.DescriptorBytes;
        a.mov(__dword_ptr[at], index);
        a.mov(__dword_ptr[at + 4], operation | (uint)sectors << 8);
        a.mov(__dword_ptr[at + 8], first);
        a.mov(__dword_ptr[at + 12], buffer);
    }

    private static void Produce(Assembler a, uint produced)
    {
        a.mov(__dword_ptr[Ring + BlockRingInterface.RequestProducer], produced);
        Doorbell(a);
        Wait(a);
    }

    private static void Transfer(Assembler a, uint index, byte operation, int sectors, uint first, uint buffer)
    {
        Request(a, index, operation, sectors, first, buffer);
        Produce(a, index + 1);
    }
}
