using FluentAssertions;
using Harness.Fuzz;
using Harness.Isa;
using Harness.Machine;
using NUnit.Framework;

namespace Harness.Tests.Fuzz;

public sealed class FuzzTests
{
    private const long Instructions = 200_000;

    [Test]
    public void Random_guests_end_alike_in_blocks_steps_and_slices([Values("i386", "pentium", "yonah")] string model)
    {
        using var fuzzer = new Fuzzer(ProcessorModel.Load(model), seed: 7);
        for (long number = 0; fuzzer.Instructions < Instructions; number++)
        {
            fuzzer.Run(number).Should().BeNull("of model {0}; reproduce with --cpu {0} --seed 7 --only {1}", model, number);
        }

        fuzzer.InputsRetired.Should().BeGreaterThan(fuzzer.Inputs * 6 / 10);
        fuzzer.Vectors[(int)Vector.GP].Should().BeGreaterThan(1000);
        fuzzer.Vectors[(int)Vector.DF].Should().BeGreaterThan(100);
    }

    /// <summary>LLDT of a null selector after an LDT with user code, then a change of level (SDM Vol. 2A, LLDT).</summary>
    [Test]
    public void A_guest_whose_table_of_user_code_goes_away_ends()
    {
        using var fuzzer = new EngineFuzzer(EngineRegistry.Find("trap013")!, ProcessorModel.Load("yonah"), seed: 1);
        fuzzer.Run(6733).Should().BeNull();
    }

    [TestCase("trap013", "yonah")]
    [TestCase("trap013", "i386")]
    [TestCase("trap033", "yonah")]
    [TestCase("hybrid", "yonah")]
    [TestCase("hybrid", "i386")]
    [TestCase("interpret", "yonah")]
    [TestCase("vtx", "yonah")]
    public void Random_guests_end_under_an_engine(string engine, string model)
    {
        const long Started = 20_000;
        using var fuzzer = new EngineFuzzer(EngineRegistry.Find(engine)!, ModelRegistry.Load(model), seed: 7);
        for (long number = 0; fuzzer.Instructions < Started; number++)
        {
            fuzzer.Run(number).Should().BeNull("reproduce with --engine {0} --cpu {1} --seed 7 --only {2}", engine, model, number);
        }

        fuzzer.InputsRetired.Should().BeGreaterThan(fuzzer.Inputs * 6 / 10);
        fuzzer.Vectors[(int)Vector.GP].Should().BeGreaterThan(1000);
    }
}
