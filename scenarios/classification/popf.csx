#load "../prelude.csx"

// The witness is what `harness classify --cpu pentium --mode protected --instruction popfd --witness` prints.
Scenario("POPFD in user mode drops IF without a trap: sensitive and not privileged", covers: "A2", s =>
{
    var popfd = s.Cpu("pentium").Classify("popfd");
    popfd.Should().BeSensitive("mode", configuration: "trapping");

    var witness = s.Replay(
        cpu: "pentium", mode: "protected", configuration: "trapping", setting: "code=9D esp=800 @C800=02000000",
        first: "supervisor", second: "user");
    witness.Should().EndWith("retires", "retires").And.Differ("eflags.IF", "0", "1");
});
