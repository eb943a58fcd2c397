using Harness.Machine;
using Harness.Vmm;

namespace Harness.Tests.Vmm;

internal static class Requests
{
    public static RunRequest For(IEngine engine, GuestImage guest) => new()
    {
        Engine = engine,
        Model = ProcessorModel.Load("yonah"),
        Guest = guest,
        Costs = CostProfile.Load("pentium4-2005"),
        MaxInstructions = 2_000_000,
        KeepEvents = true,
    };

    public static EngineRun Run(IEngine engine, GuestImage guest) => GuestRunner.Run(For(engine, guest));
}
