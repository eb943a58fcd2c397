#load "../prelude.csx"

// The definitions are asked with memory that both modes may use. Where they may not, a plain load tells them apart, or is taken for a privileged instruction.
const string Load = "code=8B0500010000 esp=800 @10100=78563412";

Scenario("A load means the same in both modes as long as they share memory", covers: "A2", name: "shared", s =>
{
    s.Replay(cpu: "yonah", mode: "protected", configuration: "permissive", setting: Load, first: "supervisor", second: "user").Differences.Should().BeEmpty();
});

foreach (var (protection, fault) in new[] { ("supervisor-segments", "#GP(0)"), ("supervisor-pages", "#PF(5)") })
{
    Scenario("A load is a memory trap of user mode where memory is the supervisor's", covers: "A2", name: protection, s =>
    {
        var load = s.Replay(cpu: "yonah", mode: "protected", configuration: protection, setting: Load, first: "supervisor", second: "user");
        load.Should().EndWith("retires", fault);
    });
}
