using System.Security.Cryptography;

namespace Harness.Oracles.Bochs;

/// <summary>The processor mode that a case starts in; a column of the coverage table.</summary>
public enum CaseMode
{
    Real,
    Virtual8086,
    Cpl0,
    Cpl1,
    Cpl2,
    Cpl3,
}

/// <summary>One case. When <paramref name="InvalidOpcodeEnds"/> is true, vector 6 is (or may be) the UD2 after the instruction, which means completion.</summary>
public sealed record OracleCase(string Name, CaseMode Mode, GuestImage Image, bool InvalidOpcodeEnds = true);

/// <summary>
/// A 64 KiB image for ROM at F0000h (with an alias below 4 GiB, reset at F000:FFF0) and the cases in it. Besides RAM and ROM it needs port E9 only.
/// </summary>
public sealed class OracleBatch
{
    internal OracleBatch(string name, GuestImage baseImage, IReadOnlyList<OracleCase> cases)
    {
        Name = name;
        Cases = cases;
        Rom = RomBuilder.TryBuild(baseImage, [.. cases.Select(one => one.Image)])
            ?? throw new InvalidOperationException($"Batch {name}: {cases.Count} cases do not fit into one image; make the batches of its suite smaller.");
        ImageHash = Convert.ToHexStringLower(SHA256.HashData(Rom));
    }

    public string Name { get; }

    public IReadOnlyList<OracleCase> Cases { get; }

    public byte[] Rom { get; }

    /// <summary>SHA-256 of <see cref="Rom"/>, lower-case hexadecimal.</summary>
    public string ImageHash { get; }

    /// <summary>The processor model by Bochs's name; it is a Core Duo.</summary>
    public string CpuModel => BochsRunner.CpuModel;
}
