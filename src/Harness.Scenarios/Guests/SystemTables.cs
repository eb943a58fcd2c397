using System.Buffers.Binary;
using Harness.Vmm;

namespace Harness.Scenarios;

/// <summary>GDT, IDT and TSS of a protected-mode guest (SDM Vol. 3A, 3.5, 6.10, 7.2.1), at the addresses of <see cref="GuestLayout"/>.</summary>
/// <param name="paravirtual">
/// For a kernel against hypercalls, in ring 1: a GDT without system descriptors whose segments end below the monitor's addresses, and in place of an IDT
/// what <see cref="Vmm.Hypercall.SetTraps"/> takes.
/// </param>
internal sealed class SystemTables(bool paravirtual = false)
{
    /// <summary>Vectors that the tables describe.</summary>
    public const int VectorCount = Vectors;

    /// <summary>Of the GDT.</summary>
    public const ushort GdtLimit = 10 * 8 - 1;

    private const int Vectors = 256;
    private const ushort IdtLimit = Vectors * 8 - 1;
    private const int TssBytes = 104;

    // Ports 0 to FFh, of which every ring may use the exit port, so that user code can end the run; and the byte of ones behind the map.
    public const int PortMapBytes = 0x100 / 8 + 1;
    private const uint CodeRights = AccessRights.P | AccessRights.S | AccessRights.Code | AccessRights.WritableOrReadable | AccessRights.DB;
    private const uint DataRights = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.DB;
    private readonly (GuestLabel Handler, int Dpl)?[] _handlers = new (GuestLabel, int)?[Vectors];

    /// <summary>An interrupt gate into ring 0.</summary>
    /// <exception cref="GuestBuildException">The vector has a handler.</exception>
    public void Handle(byte vector, GuestLabel handler, int dpl)
    {
        if (_handlers[vector] is not null)
        {
            throw new GuestBuildException($"{Isa.Vectors.Name(vector)} (vector {vector:X2}h) has a handler already: a vector takes one.");
        }

        _handlers[vector] = (handler, dpl);
    }

    public bool Handles(byte vector) => _handlers[vector] is not null;

    /// <summary>Programs enter the handler of a vector without the monitor; the handler masks interrupts itself.</summary>
    public byte? DirectVector { get; set; }

    public void Emit(GuestAssembler a)
    {
        if (paravirtual)
        {
            EmitParavirtual(a);
            return;
        }

        a.Org(GuestLayout.Gdt);
        a.Dq(0);
        EmitSegments(a, 0, uint.MaxValue);
        EmitSegments(a, 3, uint.MaxValue);
        a.Descriptor(Isa.Descriptor.Segment(GuestLayout.Tss, TssBytes + PortMapBytes - 1, AccessRights.P | SystemType.AvailableTss32));
        EmitSegments(a, 1, uint.MaxValue);
        EmitSegments(a, 2, uint.MaxValue);
        a.Org(GuestLayout.Tss);
        a.Dd(0, GuestLayout.Stack0, Selectors.Data0, GuestLayout.Stack1, Selectors.Data1, GuestLayout.Stack2, Selectors.Data2);
        a.Space(TssBytes - 7 * 4 - 2);
        a.Dw(TssBytes);
        a.Db(PortMap());
        a.Org(GuestLayout.Idt);
        for (int vector = 0; vector < Vectors; vector++)
        {
            if (_handlers[vector] is { } handler)
            {
                a.Gate(Selectors.Code0, handler.Handler, SystemType.InterruptGate32, handler.Dpl);
            }
            else
            {
                a.Descriptor(Isa.Descriptor.Gate(Selectors.Code0, UnhandledAddress(vector), SystemType.InterruptGate32, 0));
            }
        }

        a.Org(GuestLayout.Unhandled);
        for (int vector = 0; vector < Vectors; vector++)
        {
            a.Db(UnhandledHandler(vector));
        }
    }

    /// <summary>The state at the first instruction.</summary>
    public GuestEntry Entry(GuestOptions options, uint eip) => new()
    {
        Mode = EntryMode.Protected,
        Cs = Selectors.Code0,
        Eip = eip,
        Data = Selectors.Data0,
        Esp = GuestLayout.Stack,
        Eflags = (uint)(options.Flags | Flags.Fixed),
        GdtBase = GuestLayout.Gdt,
        GdtLimit = GdtLimit,
        IdtBase = paravirtual ? 0 : GuestLayout.Idt,
        IdtLimit = paravirtual ? (ushort)0 : IdtLimit,
        Tr = paravirtual ? (ushort)0 : Selectors.Tss,
        Cr0 = options.Cr0,
        Cr4 = options.Cr4,
    };

    private static void EmitSegments(GuestAssembler a, int ring, uint limit)
    {
        uint dpl = (uint)ring << AccessRights.DplShift;
        a.Descriptor(Isa.Descriptor.Segment(0, limit, CodeRights | dpl));
        a.Descriptor(Isa.Descriptor.Segment(0, limit, DataRights | dpl));
    }

    private void EmitParavirtual(GuestAssembler a)
    {
        const uint Limit = ParavirtInterface.MonitorStart - 1;
        a.Org(GuestLayout.Gdt);
        a.Dq(0);
        EmitSegments(a, ParavirtInterface.KernelRing, Limit);
        EmitSegments(a, 3, Limit);
        a.Dq(0);
        EmitSegments(a, 1, Limit);
        EmitSegments(a, 2, Limit);
        a.Org(GuestLayout.PortMap);
        a.Db(PortMap());
        a.Org(GuestLayout.Unhandled);
        GuestLabel report = a.CreateLabel("unhandled");
        List<GuestLabel> unhandled = [];
        for (int vector = 0; vector < Vectors; vector++)
        {
            unhandled.Add(a.Here("unhandled.vector"));
            a.push(eax);
            a.mov(eax, Guest.UnhandledInterrupt + (uint)vector);
            a.jmp(report);
        }

        a.Label(report);
        a.@out(GuestAssembler.ExitPort, eax);
        a.jmp(report);
        a.Org(GuestLayout.Traps);
        for (int vector = 0; vector < Vectors; vector++)
        {
            int flags = (_handlers[vector]?.Dpl ?? 0) | (vector == DirectVector ? ParavirtInterface.TrapDirect : ParavirtInterface.TrapMasks);
            a.Db((byte)vector, (byte)flags);
            a.Dw(Selectors.Code0);
            a.Dd(_handlers[vector]?.Handler ?? unhandled[vector]);
        }
    }

    private static byte[] PortMap()
    {
        var map = new byte[PortMapBytes];
        Array.Fill(map, (byte)0xFF);
        map[GuestAssembler.ExitPort / 8] ^= 1 << (GuestAssembler.ExitPort % 8);
        return map;
    }

    private static uint UnhandledAddress(int vector) => GuestLayout.Unhandled + (uint)(vector * UnhandledHandler(vector).Length);

    /// <summary>PUSH EAX; MOV EAX, UnhandledInterrupt + vector; OUT ExitPort, EAX; JMP $: the frame stays on the stack.</summary>
    private static byte[] UnhandledHandler(int vector)
    {
        byte[] code = [0x50, 0xB8, 0, 0, 0, 0, 0xE7, GuestAssembler.ExitPort, 0xEB, 0xFE];
        BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(2), Guest.UnhandledInterrupt + (uint)vector);
        return code;
    }
}
