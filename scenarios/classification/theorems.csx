#load "../prelude.csx"

Scenario("No configuration of a monitor makes the Pentium satisfy the theorems", covers: "A3, A4", s =>
{
    var pentium = s.Cpu("pentium");
    pentium.Should().NotBeVirtualizable(dueTo: ["sgdt", "sidt", "sldt", "smsw", "popfd", "pushfd", "lar", "lsl", "verr", "verw", "str"], segments: false);
    pentium.Should().NotBeHybridVirtualizable(dueTo: ["sgdt", "sidt", "sldt", "smsw"], segments: false);
    pentium.Should().NotBeRecursivelyVirtualizable(segments: false);
});
