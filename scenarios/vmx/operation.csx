#load "hypervisor.csx"

// In VMX operation CR0.PE, NE, PG and CR4.VMXE are fixed to 1 (SDM Vol. 3D, A.7 and A.8); after VMXOFF its instructions are undefined again.
var rows = new (string What, Action<GuestAssembler> Emit, uint Vector)[]
{
    ("clear-ne", a => { a.mov(eax, cr0); a.and(eax, unchecked((int)~Cr0.NE)); a.mov(cr0, eax); }, 13),
    ("clear-pg", a => { a.mov(eax, cr0); a.and(eax, (int)~Cr0.PG); a.mov(cr0, eax); }, 13),
    ("clear-vmxe", a => { a.xor(eax, eax); a.mov(cr4, eax); }, 13),
    ("vmresume-after-vmxoff", a => { a.vmxoff(); a.vmresume(); }, 6),
    ("vmcall-after-vmxoff", a => { a.vmxoff(); a.vmcall(); }, 6),
};

foreach (var row in rows)
{
    Scenario($"VMX operation: {row.What} faults", covers: "F1", parameters: new { what = row.What }, s =>
    {
        var guest = Hypervisor.Build(enter: _ => { }, exit: a => { row.Emit(a); a.Done(); }, guest: _ => { });
        var run = s.Run(guest, ends: null, settings: new RunSettings { ExposeVirtualization = true });
        run.Bare.ExitCode.Should().Be((int)(2 * (Guest.UnhandledInterrupt + row.Vector) + 1));
        run.Each(Monitor.Any, e => e.Should().MatchBare());
    });
}

Scenario("Without a current VMCS an instruction on it fails without an error number", covers: "F1", name: "fail-invalid", s =>
{
    var guest = Hypervisor.Build(
        enter: _ => { },
        exit: a =>
        {
            a.vmclear(__qword_ptr[Hypervisor.Pointers + 8]);                  // of the current one: none is current now
            a.vmlaunch();
            a.pushfd(); a.pop(ebp);
            a.vmptrst(__qword_ptr[0x9000]);
            a.vmxoff(); a.Done();
        },
        guest: _ => { });

    var run = s.Run(guest, ends: null, settings: new RunSettings { ExposeVirtualization = true });
    run.Bare.Ebp.Should().HaveFlag(Flags.CF).And.NotHaveFlag(Flags.ZF);
    (run.Bare.Memory(0x9000), run.Bare.Memory(0x9004)).Should().Be((~0u, ~0u));
    run.Bare.Level(1).Count(EngineEventKind.Instruction, "VMLAUNCH", "failed").Should().Be(1);
    run.Each(Monitor.Any, e => e.Should().MatchBare());
});
