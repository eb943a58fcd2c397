#load "../prelude.csx"

// Ring deprivileging with the guest's kernel in ring 1 (0/1/3) and in ring 3 (0/3/3), where it shares the ring with its users.
const uint Secret = 0x9800;

static RunSettings With(string option, string value) => new() { EngineOptions = new Dictionary<string, string> { [option] = value } };

static bool IsShared(string engine) => engine == "trap033";

foreach (string shadows in new[] { "one", "two" })
{
    Scenario($"A user program at the kernel's memory, shadow page tables: {shadows}", covers: "A5, B1", "memory", new { shadows }, s =>
    {
        var guest = Guest.Kernel(k =>
        {
            k.Paging = GuestPaging.Paging32;
            k.SystemCall(1, a => a.inc(__dword_ptr[Secret]));
            k.OnFault(Vector.PF, a =>
            {
                a.add(esp, 4);
                a.inc(esi);
                a.mov(__[esp], ebx);                     // to the next instruction
                a.iretd();
            });
            k.User(a =>
            {
                var read = a.CreateLabel();
                var written = a.CreateLabel();
                a.xor(esi, esi);
                a.xor(edx, edx);
                a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector);
                a.mov(ebx, read);
                a.Mark("read"); a.mov(edx, __dword_ptr[Secret]);
                a.Label(read);
                a.mov(ebx, written);
                a.Mark("write"); a.mov(__dword_ptr[Secret], 42);
                a.Label(written);
            });
        });

        var run = s.Run(guest, settings: With("shadows", shadows));
        (run.Bare.Esi, run.Bare.Edx, run.Bare.Memory(Secret)).Should().Be((2, 0, 1));
        run.Each(Monitor.Any, e =>
        {
            bool open = IsShared(e.Engine) && shadows == "one";
            e.Should().ControlResources();
            e.Equivalence.Holds.Should().Be(!open);
            if (open)
            {
                e.Should().FirstDivergeFromBare(at: "read", value: "#PF", bare: 1, found: 0);
                (e.Esi, e.Edx, e.Memory(Secret)).Should().Be((0, 1, 42), "the kernel's page was in the shadow already");
            }
        });
        run.Each(Monitor.Deprivileged, e => e.Events.Traps.OfCause("#PF").OfReason("reflected").Should().HaveCount(e.Equivalence.Holds ? 2 : 0));
    });
}

Scenario("A user program loads the kernel's data segment", covers: "A5, B1", "segment", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnFault(Vector.GP, a =>
        {
            a.add(esp, 4);
            a.inc(esi);
            a.mov(__[esp], ebx);
            a.iretd();
        });
        k.User(a =>
        {
            var next = a.CreateLabel();
            a.xor(esi, esi);
            a.mov(ebx, next);
            a.mov(eax, Selectors.Data0);
            a.Mark("load"); a.mov(ds, ax);
            a.Label(next);
        });
    });

    var run = s.Run(guest);
    run.Bare.Esi.Should().Be(1);
    run.Each(Monitor.Any & ~Monitor.Deprivileged, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Equivalence.Holds.Should().Be(!IsShared(e.Engine));
        e.Should().HaveEvents(IsShared(e.Engine) ? 0 : 1, EngineEventKind.Trap, "#GP", at: "load");
        e.Esi.Should().Be(IsShared(e.Engine) ? 0u : 1);
    });
});

Scenario("IRET to user mode without a trap: ring 3 to ring 3 pops no stack", covers: "A5, B1, B5", "iret", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.OnInterrupt(GuestKernel.SystemCallVector, a => { a.Mark("return"); a.iretd(); });
        k.User(a =>
        {
            a.mov(ebp, esp);
            a.@int(GuestKernel.SystemCallVector);
            a.sub(ebp, esp);
            a.mov(ebx, ss);
        });
    });

    var run = s.Run(guest, settings: With("userReturn", "direct"));
    (run.Bare.Ebp, run.Bare.Ebx).Should().Be((0, Selectors.Data3));
    run.Each(Monitor.Any & ~Monitor.Deprivileged, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Should().HaveEvents(0, EngineEventKind.Trap, at: "return").And.FirstDivergeFromBare(at: "return");
        e.Register("eflags.IF").Should().Be(0, "the virtual IF stays as the system call left it");
        (e.Ebp == 0).Should().Be(!IsShared(e.Engine));
        e.Ebx.Should().Be(IsShared(e.Engine) ? Selectors.Data0 | 3u : Selectors.Data3, "the kernel's stack segment, seen in ring 3");
    });
});

Scenario("Ring aliasing: how many instructions tell a kernel its ring, and which", covers: "B6", "aliasing", s =>
{
    (string Name, Action<GuestAssembler> Read)[] probes =
    [
        ("push-cs", a => { a.push(cs); a.pop(eax); a.and(eax, 3); }),
        ("mov-ss", a => { a.mov(eax, ss); a.and(eax, 3); }),
        ("lar", a => { a.mov(ecx, Selectors.Code0); a.lar(eax, ecx); a.shr(eax, 13); a.and(eax, 3); }),
        ("call", a => { var next = a.CreateLabel(); a.CallFar32(Selectors.Code0, next); a.Label(next); a.pop(eax); a.pop(eax); a.and(eax, 3); }),
        ("verr", a => { a.mov(ecx, Selectors.Data0 | 3); a.xor(eax, eax); a.verr(cx); a.setz(al); a.imul(eax, eax, 3); }),     // 3: open to RPL 3
    ];
    var guest = Guest.Protected32(a =>
    {
        for (int i = 0; i < probes.Length; i++)
        {
            using (a.Mark(probes[i].Name))
            {
                probes[i].Read(a);
            }

            a.mov(__[0x9000 + 4 * i], eax);
        }

        a.Done();
    });

    var run = s.Run(guest);
    uint[] Rings(GuestRun e) => [.. Enumerable.Range(0, probes.Length).Select(i => e.Memory(0x9000 + 4 * (uint)i))];
    Rings(run.Bare).Should().OnlyContain(ring => ring == 0);
    run.Each(Monitor.Any & ~Monitor.Deprivileged, e => e.Should().MatchBare());
    run.Each(Monitor.Deprivileged, e =>
    {
        e.Events.Traps.OfCause("#GP").OfReason("segment").Should().BeEmpty();
        Rings(e).Should().Equal(IsShared(e.Engine) ? [3, 3, 3, 3, 3] : [1, 1, 1, 1, 0]);
    });
});
