#load "../prelude.csx"

Scenario("SGDT and SIDT show any program where the monitor's tables are", covers: "A2, A4", s =>
{
    var pentium = s.Cpu("pentium");
    pentium.Classify("sgdt").Should().BeSensitive("location(tables)");
    pentium.Classify("sidt").Should().BeSensitive("location(tables)");
});
