#load "../prelude.csx"

// A kernel that saves its own CS returns directly and loses IF; one that writes the selector 08h is caught by the check of RPL against CPL.
foreach (bool saved in new[] { true, false })
{
    Scenario("IRET loses IF where it does not trap", covers: "B5", parameters: new { cs = saved ? "saved" : "constant" }, s =>
    {
        var guest = Guest.Protected32(a =>
        {
            var target = a.CreateLabel();
            a.push(Flags.IF | Flags.Fixed);
            if (saved)
            {
                a.Mark("push"); a.push(cs);
            }
            else
            {
                a.push(Selectors.Code0);
            }

            a.push(target);
            a.Mark("iret"); a.iretd();
            a.Label(target);
            a.nop();
            a.Done();
        });

        var run = s.Run(guest);
        run.Bare.Flags.Should().HaveFlag(Flags.IF);
        run.Each(Monitor.Interpreter | Monitor.Hybrid | Monitor.HardwareAssisted, e => e.Should().MatchBare());
        run.Each(Monitor.Deprivileged, e =>
        {
            e.Events.At("iret").Traps.OfCause("#GP").OfReason("segment").Should().HaveCount(saved ? 0 : 1);
            e.Register("eflags.IF").Should().Be(saved ? 0u : 1u);
            e.Equivalence.Holds.Should().Be(!saved);
            e.Equivalence.FirstDivergence?.At.Should().Be("push");
        });
        run.Each(Monitor.HardwareAssisted, e => e.Should().HaveExits(0, at: "iret"));
    });
}
