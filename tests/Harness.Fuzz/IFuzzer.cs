using Harness.Isa;

namespace Harness.Fuzz;

/// <summary>An input on which the machine failed, and how.</summary>
/// <param name="Input">Its number.</param>
/// <param name="What">What went wrong.</param>
public readonly record struct Finding(long Input, string What);

/// <summary>Runs numbered inputs, which a seed determines, and counts what happens in them.</summary>
public interface IFuzzer : IDisposable
{
    /// <summary>Inputs run so far.</summary>
    long Inputs { get; }

    /// <summary>Inputs of which at least one instruction retired.</summary>
    long InputsRetired { get; }

    /// <summary>Instructions that were started: retired or faulted.</summary>
    long Instructions { get; }

    /// <summary>Instructions that retired.</summary>
    long Retired { get; }

    /// <summary>How often each vector was raised by other than the interrupt line and INT n, where the two can be told apart.</summary>
    IReadOnlyList<long> Vectors { get; }

    /// <summary>How often each vector brought control to a monitor; empty where there is none.</summary>
    IReadOnlyList<long> Traps { get; }

    /// <summary>What else there is to say about the inputs run so far: text and number.</summary>
    IEnumerable<(string What, long Count)> Notes { get; }

    /// <summary>Whether the vector would be counted if it were raised.</summary>
    bool Sees(Vector vector);

    /// <summary>Runs an input. Null: no finding.</summary>
    Finding? Run(long number);

    /// <summary>Prints what happens in an input.</summary>
    void Print(long number, TextWriter output);
}
