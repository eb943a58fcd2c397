#load "../prelude.csx"

Scenario("All three properties hold for a compute-bound guest, except efficiency under interpretation", covers: "A1", s =>
{
    var guest = Guest.Kernel(k => k.User(a =>
    {
        var outer = a.CreateLabel();
        a.mov(esi, 7);
        a.mov(ecx, 500);
        a.Label(outer);
        a.imul(esi, esi, 1_103_515_245);
        a.add(esi, 12_345);
        a.push(esi);
        a.pop(edi);
        a.xor(edi, ecx);
        a.loop(outer);
        a.mov(eax, esi);
    }));

    var run = s.Run(guest);
    uint expected = 7;
    for (int i = 0; i < 500; i++)
    {
        expected = unchecked(expected * 1_103_515_245 + 12_345);
    }

    run.Bare.Esi.Should().Be(expected);
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
    run.Each(Monitor.Any & ~Monitor.Interpreter, e =>
    {
        e.Should().BeEfficient();
        e.Efficiency.Share.Should().BeGreaterThan(0.99);
    });
    run.Each(Monitor.Interpreter, e => e.Should().NotBeEfficient("nothing runs directly").And.HaveEvents(0));
});
