#load "../prelude.csx"

Scenario("A call gate takes ring 3 to ring 0, with the stack that the TSS names, and a far return takes it back", covers: "A5", s =>
{
    const ushort Gate = 0x50 | 3;
    var guest = Guest.Protected32(a =>
    {
        var pseudo = a.CreateLabel("pseudo");
        var user = a.CreateLabel("user");
        var service = a.CreateLabel("service");
        a.lgdt(__[pseudo]);
        a.mov(eax, Selectors.Data3); a.mov(ds, eax);
        a.push(Selectors.Data3); a.push(GuestLayout.UserStack); a.push(Flags.Fixed); a.push(Selectors.Code3); a.push(user);
        a.iretd();
        a.Label(user);
        a.Mark("call"); a.CallFar32(Gate, user);         // the offset is the gate's
        a.mov(ebp, esp);
        a.Done();
        a.Label(service);
        a.mov(ecx, esp);
        a.mov(edx, __dword_ptr[esp + 4]);                // CS of the caller
        a.mov(esi, __dword_ptr[esp + 12]);               // SS of the caller
        a.Mark("return"); a.retf();
        a.Label(pseudo);
        a.Dw(0x57); a.Dd(GuestLayout.Gdt);
        a.Org(GuestLayout.Gdt + 0x50);
        a.Gate(Selectors.Code0, service, SystemType.CallGate32, 3);
    });

    var run = s.Run(guest);
    run.Bare.Ecx.Should().Be(GuestLayout.Stack0 - 16, "SS, ESP, CS and EIP lie on the inner stack");
    run.Bare.Edx.Should().Be(Selectors.Code3);
    run.Bare.Esi.Should().Be(Selectors.Data3);
    run.Bare.Ebp.Should().Be(GuestLayout.UserStack);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Deprivileged, e => e.Should().HaveEvents(1, EngineEventKind.Trap, at: "call").And.HaveEvents(1, EngineEventKind.Trap, at: "return"));
    run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "call").And.HaveExits(0, at: "return"));
});
