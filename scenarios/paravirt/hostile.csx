#load "../prelude.csx"

// Each attempt is refused with an error, and nothing outside of the guest's allocation changes: page tables, descriptors and the monitor's memory stay what they are.
const uint Directory = GuestLayout.ProcessTables;
const uint Table = Directory + 0x1000;
const uint Rw = PageEntry.P | PageEntry.RW;
const uint Scratch = 0x90000;
(string Name, Hypercall Call, uint Ebx, uint Ecx, uint Edx, int Result)[] attempts =
[
    ("map-monitor", Hypercall.UpdateMapping, 0xFFC00000, Rw, 0, HypercallResult.NotPermitted),
    ("map-other-frame", Hypercall.UpdateMapping, Scratch, 0x10000000 | Rw, 0, HypercallResult.NotPermitted),
    ("map-own-table-writable", Hypercall.UpdateMapping, Scratch, Table | Rw, 0, HypercallResult.NotPermitted),
    ("map-own-directory-writable", Hypercall.UpdateMapping, Directory, Directory | Rw, 0, HypercallResult.NotPermitted),
    ("map-gdt-writable", Hypercall.UpdateMapping, GuestLayout.Gdt, GuestLayout.Gdt | Rw, 0, HypercallResult.NotPermitted),
    ("map-large-page", Hypercall.UpdateMapping, Scratch, Scratch | Rw | PageEntry.PS, 0, HypercallResult.NotPermitted),
    ("map-without-table", Hypercall.UpdateMapping, 0x80000000, Scratch | Rw, 0, HypercallResult.BadArgument),
    ("pin-writable-page", Hypercall.Pin, Scratch, 0, 0, HypercallResult.NotPermitted),
    ("pin-twice", Hypercall.Pin, Directory, 0, 0, HypercallResult.BadArgument),
    ("pin-unaligned", Hypercall.Pin, Scratch + 4, 0, 0, HypercallResult.BadArgument),
    ("pin-nowhere", Hypercall.Pin, 0xFFFFF000, 0, 0, HypercallResult.BadArgument),
    ("unpin-table", Hypercall.Unpin, Table, 0, 0, HypercallResult.BadArgument),
    ("load-page-table", Hypercall.LoadDirectory, Table, 0, 0, HypercallResult.NotPermitted),
    ("gdt-writable-page", Hypercall.SetGdt, Scratch, 0x4F, 0, HypercallResult.NotPermitted),
    ("gdt-limit", Hypercall.SetGdt, GuestLayout.Gdt, 0x1007, 0, HypercallResult.BadArgument),
    ("descriptor-ring-0", Hypercall.UpdateDescriptor, GuestLayout.Gdt + 8, 0x0000FFFF, 0x00CF9B00, HypercallResult.NotPermitted),
    ("descriptor-over-monitor", Hypercall.UpdateDescriptor, GuestLayout.Gdt + 8, 0x0000FFFF, 0x00CFBB00, HypercallResult.NotPermitted),
    ("descriptor-call-gate", Hypercall.UpdateDescriptor, GuestLayout.Gdt + 8, 0x10200000, 0x0000EC00, HypercallResult.NotPermitted),
    ("descriptor-elsewhere", Hypercall.UpdateDescriptor, Scratch, 0, 0, HypercallResult.BadArgument),
    ("shared-is-table", Hypercall.SetShared, Table, 0, 0, HypercallResult.NotPermitted),
    ("traps-bad-pointer", Hypercall.SetTraps, 0xFFFFFFF0, 4, 0, HypercallResult.BadPointer),
    ("port-map-huge", Hypercall.SetPortMap, 0, 0xFFFFFFFF, 0, HypercallResult.BadArgument),
    ("port-of-three-bytes", Hypercall.PortOut, 3 << 16 | 0x80, 0, 0, HypercallResult.BadArgument),
    ("entries-huge-batch", Hypercall.UpdateEntries, Scratch, 0xFFFFFFFF, 0, HypercallResult.BadArgument),
    ("multicall-bad-pointer", Hypercall.Multicall, 0xFFC00000, 1, 0, HypercallResult.BadPointer),
    ("multicall-huge", Hypercall.Multicall, 0, 1025, 0, HypercallResult.BadArgument),
    ("unknown", (Hypercall)0xFFFF, 0, 0, 0, HypercallResult.NoSuchCall),
    ("zero", (Hypercall)0, 0, 0, 0, HypercallResult.NoSuchCall),
];
foreach (var (name, call, ebx, ecx, edx, result) in attempts)
{
    Scenario($"A paravirtualized kernel is refused: {name}", covers: "D1", new { attempt = name }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.OnInterrupt(0x82, a => a.iretd());        // on the bare machine the call does nothing
            k.Boot(a =>
            {
                a.mov(eax, (uint)call);
                a.mov(Iced.Intel.AssemblerRegisters.ebx, ebx);
                a.mov(Iced.Intel.AssemblerRegisters.ecx, ecx);
                a.mov(Iced.Intel.AssemblerRegisters.edx, edx);
                a.Mark("attempt"); a.@int(0x82);
                a.mov(__dword_ptr[0x9800], eax);
                a.mov(al, 0);
            });
            k.User(a => a.mov(__dword_ptr[esp - 4], 0x600D));
        });

        var run = s.Run(guest, settings: new RunSettings { Monitors = Monitor.Paravirtual });
        run.Each(Monitor.Paravirtual, e =>
        {
            ((int)e.Memory(0x9800)).Should().Be(result);
            e.Should().HaveEvents(1, EngineEventKind.Hypercall, at: "attempt");
            e.Should().MatchBare("the program that follows runs as if nothing had been tried").And.ControlResources();
        });
    });
}

Scenario("A direct gate may not lead to a segment of the monitor's", covers: "D1", name: "direct-gate", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt(0x82, a => a.iretd());
        k.Boot(a =>
        {
            // Vector 90h for programs, without the monitor, to the monitor's own code segment behind the guest's GDT.
            a.mov(__dword_ptr[Scratch], 0x10000000 | (ParavirtInterface.TrapDirect | 3) << 8 | 0x90);
            a.mov(__dword_ptr[Scratch + 4], GuestLayout.Code);
            a.mov(eax, (uint)Hypercall.SetTraps);
            a.mov(ebx, Scratch);
            a.mov(ecx, 1);
            a.Mark("attempt"); a.@int(0x82);
            a.mov(__dword_ptr[0x9800], eax);
            a.mov(al, 0);
        });
        k.User(a => a.nop());
    });

    var run = s.Run(guest, settings: new RunSettings { Monitors = Monitor.Paravirtual });
    run.Each(Monitor.Paravirtual, e =>
    {
        ((int)e.Memory(0x9800)).Should().Be(HypercallResult.NotPermitted);
        e.Should().MatchBare().And.ControlResources();
    });
});

Scenario("A program that calls the monitor as its kernel would gets a general-protection fault", covers: "D1", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.GP, a => { a.pop(esi); a.Done(); });
        k.User(a => { a.mov(eax, (uint)Hypercall.Deliver); a.Mark("attempt"); a.@int(0x82); });
    });

    var run = s.Run(guest);
    run.Bare.Esi.Should().Be(0x82 << 3 | 2, "the gate is the kernel's");
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Paravirtual, e => e.Should().HaveEvents(0, EngineEventKind.Hypercall, at: "attempt").And.HaveEvents(1, EngineEventKind.Trap, "#GP"));
});
