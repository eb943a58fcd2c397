#load "../prelude.csx"

Scenario("A kernel that reads and rewrites its own code sees its own bytes, and what it wrote runs", covers: "C5", s =>
{
    var guest = Guest.Protected32(a =>
    {
        var patched = a.CreateLabel("patched");
        a.xor(ebx, ebx);
        a.mov(ecx, 2);
        a.mov(ebp, patched);
        a.Label(patched);
        a.mov(eax, 1);
        a.add(ebx, eax);
        a.mov(edx, __dword_ptr[ebp]);
        a.Mark("write"); a.mov(__byte_ptr[ebp + 1], 41);
        a.dec(ecx);
        a.jnz(patched);
        a.Done();
    });

    var run = s.Run(guest, cpu: "yonah");
    run.Bare.Ebx.Should().Be(42);
    run.Bare.Edx.Should().Be(0x000029B8);  // MOV EAX, 41
    run.Each(Monitor.Any, e => e.Should().MatchBare());
    run.Each(Monitor.Translating, e => e.Events.At("write").OfReason("trace").Should().NotBeEmpty());
});
