#load "../prelude.csx"

Scenario("What loads system registers traps in user mode; CLI does where IOPL says so", covers: "A2", s =>
{
    var pentium = s.Cpu("pentium");
    foreach (var instruction in new[] { "lgdt", "lidt", "clts", "mov cr3, r32" })
    {
        pentium.Classify(instruction).Should().BePrivileged("control(system)");
    }

    pentium.Classify("cli").Should().BePrivileged("control(system)", configuration: "trapping")
        .And.BeSensitive("control(system)", configuration: "permissive");
});
