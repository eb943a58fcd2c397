#load "../prelude.csx"

// With kernel and users in one ring, the kernel's code segment is open to a far CALL or JMP; the page tables are not.
(string Name, Action<GuestAssembler> Transfer, uint Error)[] transfers =
[
    ("call", a => { var next = a.CreateLabel(); a.CallFar32(Selectors.Code0, next); a.Label(next); }, Selectors.Code0),
    ("jmp", a => { var next = a.CreateLabel(); a.JmpFar32(Selectors.Code0, next); a.Label(next); }, Selectors.Code0),
    ("retf", a => { a.push(Selectors.Code0); a.push(0x10000); a.retf(); }, Selectors.Code0),
    ("iret", a => { a.push(Flags.Fixed); a.push(Selectors.Code0); a.push(0x10000); a.iretd(); }, Selectors.Code0),
    ("int", a => a.@int(0x21), (0x21 << 3) | 2),                  // a gate of DPL 0: vector and IDT bit
];
foreach (var (name, transfer, error) in transfers)
{
    Scenario($"Ring 3 reaches no inner ring by a direct {name}", covers: "A5", name, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.OnFault(Vector.GP, a => { a.pop(esi); a.mov(edi, __dword_ptr[esp + 4]); a.Done(); });    // the error code, and CS of the place that faulted
            k.User(a => { using (a.Mark("transfer")) { transfer(a); } });
        });

        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(error);
        run.Bare.Edi.Should().Be(Selectors.Code3);
        run.Each(Monitor.Any, e =>
        {
            bool open = e.Engine == "trap033" && name is ("call" or "jmp");
            e.Should().ControlResources();
            e.Equivalence.Holds.Should().Be(!open);
            if (open) { e.Should().FirstDivergeFromBare(at: "transfer", value: "#GP", bare: 1, found: 0); }
        });
        run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(e.Equivalence.Holds ? 1 : 0, EngineEventKind.Trap, "#GP", "reflected", at: "transfer"));
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "transfer"));
    });
}
