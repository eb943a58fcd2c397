using Harness.Isa;
using Harness.Machine;
using Harness.Scenarios;
using Harness.Vmm;
using Iced.Intel;
using static Harness.Tests.Hostile.HostileAttempt;
using static Iced.Intel.AssemblerRegisters;

namespace Harness.Tests.Hostile;

/// <summary>The attempts, made of places that a monitor may use and of ways to reach them.</summary>
internal static class HostileAttempts
{
    /// <summary>The last entry of the guest's GDT.</summary>
    private const ushort Selector = 0x48;
    private const uint UserWritable = PageEntry.P | PageEntry.RW | PageEntry.US;

    /// <summary>Linear addresses in the last 4 MiB: tables, stack, entry points, page tables, translated code, the end.</summary>
    private static readonly uint[] Linear = [0xFFC00008, 0xFFC20000, 0xFFC21004, 0xFFC23FF0, 0xFFC25000, 0xFFC27FFC, 0xFFE00000, 0xFFFFFFFC];

    /// <summary>
    /// Frames behind the guest's RAM of 1 MiB, or of 3 MiB, and, if somebody took them for host frames, the monitor's, the guest's own tables and the neighbour's.
    /// </summary>
    private static readonly uint[] Frames = [0x100000, 0x1FF000, 0x20000, 0x23000, 0x27000, 0x300000, 0x3FF000, 0x7FF000, 0x900000, 0xA00000, 0xB00000, 0xBFF000, 0xF0000, 0xFFC00000, 0xFFFFF000];

    public static IReadOnlyList<HostileAttempt> All { get; } =
    [
        .. Stores(), .. Pages(), .. Descriptors(byCall: false), .. Descriptors(byCall: true), .. Tables(), .. Programs(), .. Ports(), .. Code(), .. Calls(),
        .. HostileDeviceAttempts.All,
    ];

    /// <summary>Ways to write to a linear address, in one or two instructions.</summary>
    private static IEnumerable<(string Name, Action<Assembler, uint> Emit)> Ways() =>
    [
        ("mov", (a, at) => a.mov(__dword_ptr[at], Mark)),
        ("add", (a, at) => { a.mov(eax, Mark); a.add(__dword_ptr[at], eax); }),
        ("through SS", (a, at) => { a.mov(ebp, at); a.mov(__dword_ptr[ebp], Mark); }),
        ("through FS", (a, at) => { a.mov(eax, Mark); a.mov(__dword_ptr.fs[at], eax); }),
        ("stosd", (a, at) => { a.mov(edi, at); a.mov(eax, Mark); a.stosd(); }),
        ("rep movsb from below", (a, at) => { a.mov(esi, 0x10000); a.mov(edi, 0xFFBFFFF0); a.mov(ecx, at - 0xFFBFFFF0 + 4); a.rep.movsb(); }),
        ("wrapping", (a, at) => { a.mov(eax, 0x20); a.mov(__dword_ptr[eax + (int)(at - 0x20)], Mark); }),
        ("push", (a, at) => { a.mov(esp, at + 4); a.push(Mark); }),
        ("sgdt", (a, at) => a.sgdt(__[at])),
        ("call", (a, at) => { a.mov(esp, at + 4); a.mov(eax, 0x10000); a.call(eax); }),
    ];

    private static IEnumerable<HostileAttempt> Stores() =>
        from way in Ways() from at in Linear select new HostileAttempt("store", $"{way.Name} {at:X8}", 0, a => way.Emit(a, at));

    private static IEnumerable<HostileAttempt> Pages()
    {
        foreach (uint frame in Frames)
        {
            yield return new("page tables", $"entry {frame:X8}", 0, a =>
            {
                MapWindow(a, frame | UserWritable);
                a.mov(__dword_ptr[Window + 8], Mark);
            });
            yield return new("page tables", $"entry {frame:X8} for a program", 3, a =>
            {
                MapWindow(a, frame | UserWritable);
                a.mov(__dword_ptr[Window + 8], Mark);
            });
            yield return new("page tables", $"table {frame:X8}", 0, a =>
            {
                a.mov(__dword_ptr[GuestLayout.ProcessTables + 8 * 4], frame | UserWritable);
                Reload(a);
                a.mov(__dword_ptr[8u << 22], Mark);
            });
            yield return new("page tables", $"large page {frame:X8}", 0, a =>
            {
                MapLarge(a, frame);
                StoreInLarge(a, frame);
            });
            yield return new("page tables", $"large page {frame:X8} for a program", 3, a => StoreInLarge(a, frame)) { Prepare = a => MapLarge(a, frame) };
            yield return new("page tables", $"directory {frame:X8}", 0, a =>
            {
                a.mov(eax, frame);
                a.mov(cr3, eax);
                a.mov(__dword_ptr[0x8000], Mark);
            });
        }

        yield return new("page tables", "the last directory entry is the guest's own table", 0, a =>
        {
            a.mov(__dword_ptr[GuestLayout.ProcessTables + 0xFFC], (GuestLayout.ProcessTables + 0x1000) | UserWritable);
            Reload(a);
            a.mov(__dword_ptr[0xFFC08000], Mark);
        });
        yield return new("page tables", "a page is revoked", 3, a =>
        {
            MapWindow(a, Secret | UserWritable);
            a.mov(eax, __dword_ptr[Window]);
            a.mov(__dword_ptr[Window], eax);
            RevokeWindow(a);
            a.mov(__dword_ptr[Window], Mark);
        });
        yield return new("page tables", "write protection off", 0, a =>
        {
            a.mov(eax, cr0);
            a.and(eax, ~(int)Cr0.WP);
            a.mov(cr0, eax);
            a.mov(__dword_ptr[GuestLayout.ProcessTables + 8 * 4], 0x900000 | UserWritable);
            Reload(a);
            a.mov(__dword_ptr[8u << 22], Mark);
        });

        static void MapLarge(Assembler a, uint frame)
        {
            a.mov(eax, cr4);
            a.or(eax, (int)Cr4.PSE);
            a.mov(cr4, eax);
            a.mov(__dword_ptr[GuestLayout.ProcessTables + 8 * 4], (frame & 0xFFC00000) | UserWritable | PageEntry.PS);
            Reload(a);
        }

        static void StoreInLarge(Assembler a, uint frame)
        {
            // A large entry of the shadow would be made here, at its first 4 KiB.
            uint first = (8u << 22) + (frame & 0x200000);
            a.mov(eax, __dword_ptr[first]);
            a.mov(__dword_ptr[first], eax);
            a.mov(__dword_ptr[(8u << 22) + (frame & 0x3FF000)], Mark);
        }

        static void Reload(Assembler a)
        {
            a.mov(eax, cr3);
            a.mov(cr3, eax);
        }
    }

    /// <summary>A descriptor in the last entry of the guest's table, and what is done with it.</summary>
    private static IEnumerable<HostileAttempt> Descriptors(bool byCall)
    {
        const uint Data = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.Accessed | AccessRights.DB;
        string how = byCall ? "by hypercall" : "by store";
        (string Name, Descriptor Descriptor, uint At)[] segments =
        [
            ("based in the region", Descriptor.Segment(0xFFC00000, 0xFFFF, Data), 8),
            ("based at its end", Descriptor.Segment(0xFFFFF000, uint.MaxValue, Data), 0x100),
            ("that ends in the region", Descriptor.Segment(0x1000, 0xFFC2FFFF, Data), 0xFFC1F008),
            ("that wraps", Descriptor.Segment(0xFFB00000, uint.MaxValue, Data), 0x100008),
            ("that expands down", Descriptor.Segment(0, 0xFFF, Data | AccessRights.ExpandDownOrConforming), 0xFFC00008),
            ("of 16 bits that expands down", Descriptor.Segment(0xFFC00000, 0, (Data & ~AccessRights.DB) | AccessRights.ExpandDownOrConforming), 8),
            ("of a byte less than all", Descriptor.Segment(1, uint.MaxValue, Data), 0xFFC00007),
        ];
        foreach (var (name, descriptor, at) in segments)
        {
            foreach (int dpl in (int[])[0, 1, 3])
            {
                var entry = new Descriptor(descriptor.Raw | (ulong)dpl << 45);
                yield return new("descriptor", $"a data segment {name}, DPL {dpl}, {how}", 0, a =>
                {
                    Write(a, entry, byCall);
                    a.mov(eax, Selector | (uint)dpl);
                    a.mov(ds, eax);
                    a.mov(__dword_ptr[at], Mark);
                });
            }

            yield return new("descriptor", $"a stack {name}, {how}", 0, a =>
            {
                Write(a, descriptor, byCall);
                a.mov(eax, Selector);
                a.mov(ss, eax);
                a.mov(esp, at + 4);
                a.push(Mark);
            });
        }

        foreach (ushort target in (ushort[])[0x08, 0x50, 0x58, 0x60, 0x70, 0x1000])
        {
            foreach (int ring in (int[])[0, 3])
            {
                yield return new("descriptor", $"a call gate to {target:X4} from ring {ring}, {how}", ring, a =>
                {
                    a.push(Selector | 3u);
                    a.push(0);
                    a.call(__fword_ptr[esp]);
                })
                {
                    Prepare = a => Write(a, Descriptor.Gate(target, 0xFFC24020, SystemType.CallGate32, 3), byCall),
                };
            }
        }
    }

    /// <summary>Table registers that name what is not the guest's, and gates into it.</summary>
    private static IEnumerable<HostileAttempt> Tables()
    {
        foreach (uint @base in (uint[])[0xFFC00000, 0x900000, 0x20000])
        {
            yield return new("tables", $"GDTR at {@base:X8}", 0, a => { Pseudo(a, @base); a.lgdt(__[esp]); a.mov(eax, 8); a.mov(ds, eax); a.mov(__dword_ptr[8], Mark); });
            yield return new("tables", $"IDTR at {@base:X8}", 0, a => { Pseudo(a, @base); a.lidt(__[esp]); a.@int(0x20); });
            yield return new("tables", $"LDT at {@base:X8}", 0, a =>
            {
                Write(a, Descriptor.Segment(@base, 0xFFFF, AccessRights.P | SystemType.Ldt), byCall: false);
                a.mov(eax, Selector);
                a.lldt(ax);
                a.mov(eax, 0xC);
                a.mov(ds, eax);
                a.mov(__dword_ptr[8], Mark);
            });
            yield return new("tables", $"TSS at {@base:X8}", 0, a =>
            {
                Write(a, Descriptor.Segment(@base, 0x67, AccessRights.P | SystemType.AvailableTss32), byCall: false);
                a.mov(eax, Selector);
                a.ltr(ax);
                a.push(Selector);
                a.push(0);
                a.call(__fword_ptr[esp]);
            });
        }

        foreach (ushort target in (ushort[])[0x08, 0x50, 0x58, 0x60, 0x70, 0x1000])
        {
            yield return new("tables", $"an interrupt gate to {target:X4}", 0, a =>
            {
                Descriptor gate = Descriptor.Gate(target, 0xFFC24020, SystemType.InterruptGate32, 3);
                a.mov(__dword_ptr[GuestLayout.Idt + 0x90 * 8], gate.Low);
                a.mov(__dword_ptr[GuestLayout.Idt + 0x90 * 8 + 4], gate.High);
                a.@int(0x90);
            });
        }

        static void Pseudo(Assembler a, uint @base)
        {
            a.push(@base);
            a.push(0xFFFF0000);
            a.add(esp, 2);
        }
    }

    private static void Write(Assembler a, Descriptor descriptor, bool byCall)
    {
        if (byCall)
        {
            Call(a, Hypercall.UpdateDescriptor, GuestLayout.Gdt + Selector, descriptor.Low, descriptor.High);
            return;
        }

        a.mov(__dword_ptr[GuestLayout.Gdt + Selector], descriptor.Low);
        a.mov(__dword_ptr[GuestLayout.Gdt + Selector + 4], descriptor.High);
    }

    private static void Call(Assembler a, Hypercall call, uint first, uint second, uint third)
    {
        a.mov(eax, (uint)call);
        a.mov(ebx, first);
        a.mov(ecx, second);
        a.mov(edx, third);
        a.@int(ParavirtInterface.Vector);
    }

    private static IEnumerable<HostileAttempt> Programs()
    {
        foreach (uint at in (uint[])[Secret, GuestLayout.Gdt + 8, GuestLayout.Tss + 4, GuestLayout.Idt, GuestLayout.ProcessTables + 4, GuestLayout.Code, 0xFFC00008, 0xFFC27FFC])
        {
            yield return new("program", $"stores at {at:X8}", 3, a => { a.mov(__dword_ptr[at], Mark); a.mov(__dword_ptr[Secret], Mark); });
        }

        yield return new("program", "stores at its kernel's page behind a system call", 3, a => { MapWindow(a, 0); a.mov(__dword_ptr[Secret], Mark); });

        foreach (ushort selector in (ushort[])[0x08, 0x10, 0x13, 0x28, 0x31, 0x39, 0x50, 0x58, 0x5B, 0x71, 0x73, 0x1003, 0x1023, 0x102B])
        {
            yield return new("program", $"loads DS with {selector:X4}", 3, a => { a.mov(eax, (uint)selector); a.mov(ds, eax); a.mov(__dword_ptr[Secret], Mark); });
            yield return new("program", $"returns to {selector:X4}", 3, a => { a.push((uint)selector); a.push(0xFFC24020); a.retf(); });
        }

        foreach (byte vector in (byte[])[0x01, 0x08, 0x0D, 0x0E, 0x20, 0x82, 0x90, 0xFE, 0xFF])
        {
            yield return new("program", $"INT {vector:X2}", 3, a => { a.mov(eax, 3); a.@int(vector); a.mov(__dword_ptr[Secret], Mark); });
        }

        (string Name, Action<Assembler> Code)[] privileged =
        [
            ("lgdt", a => a.lgdt(__[esp])), ("lidt", a => a.lidt(__[esp])), ("lldt", a => a.lldt(ax)), ("ltr", a => a.ltr(ax)), ("mov cr0", a => a.mov(cr0, eax)),
            ("mov cr3", a => { a.mov(eax, 0x900000); a.mov(cr3, eax); }), ("mov cr4", a => a.mov(cr4, eax)), ("mov dr7", a => a.mov(dr7, eax)), ("wrmsr", a => a.wrmsr()),
            ("invlpg", a => a.invlpg(__[esp])), ("cli", a => a.cli()), ("out", a => a.@out(0x21, al)), ("sysenter", a => a.sysenter()), ("vmxon", a => a.vmxon(__qword_ptr[esp])),
            ("vmcall", a => a.vmcall()), ("popfd", a => { a.push(0x3202); a.popfd(); a.cli(); }),
        ];
        foreach (var (name, code) in privileged)
        {
            yield return new("program", name, 3, a => { code(a); a.mov(__dword_ptr[Secret], Mark); });
        }
    }

    private static IEnumerable<HostileAttempt> Ports()
    {
        foreach (uint at in (uint[])[0xFFC00008, 0xFFC23FF0, 0xFFC27FFC, 0x900000, 0xA00000])
        {
            yield return new("ports", $"insd to {at:X8}", 0, a => { a.mov(edi, at); a.mov(edx, 0x60); a.mov(ecx, 4); a.rep.insb(); });
        }

        foreach (var (port, value) in ((ushort, byte)[])[(0x92, 0), (0x64, 0xFE), (0xCF9, 6), (0x20, 0x11), (0x43, 0), (0x70, 0x8F)])
        {
            yield return new("ports", $"out {port:X}", 0, a => { a.mov(edx, port); a.mov(eax, value); a.@out(dx, al); a.mov(__dword_ptr[0x100000 + 0x8000], Mark); });
        }
    }

    /// <summary>Control goes where the monitor's own code lies, or its copies of the guest's.</summary>
    private static IEnumerable<HostileAttempt> Code()
    {
        foreach (uint at in (uint[])[0xFFC24000, 0xFFC24003, 0xFFC240FE, 0xFFC28000, 0xFFD00000, 0xFFE00000, 0xFFF00000, 0xFFFFFFF0])
        {
            yield return new("code", $"kernel jumps to {at:X8}", 0, a => { a.push(at); a.ret(); });
            yield return new("code", $"program jumps to {at:X8}", 3, a => { a.push(at); a.ret(); });
            yield return new("code", $"kernel writes over {at:X8} and goes there", 0, a => { a.mov(eax, 0xF4F4F4F4); a.mov(__dword_ptr[at & ~3u], eax); a.push(at); a.ret(); });
        }
    }

    private static IEnumerable<HostileAttempt> Calls()
    {
        (uint First, uint Second, uint Third)[] arguments =
        [
            (0xFFC00000, 0xFFC00000 | UserWritable, 0x00CF9300), (Window, 0x900000 | UserWritable, 0), (GuestLayout.ProcessTables, 0x27000 | UserWritable, 0x00CF9B00),
            (0xFFFFFFFC, 1024, 0),
        ];
        foreach (Hypercall call in Enum.GetValues<Hypercall>())
        {
            foreach (var (first, second, third) in arguments)
            {
                yield return new("hypercall", $"{call} {first:X8} {second:X8} {third:X8}", 0, a =>
                {
                    Call(a, call, first, second, third);
                    a.mov(__dword_ptr[Window], Mark);
                });
            }
        }
    }
}
