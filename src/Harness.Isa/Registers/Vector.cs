namespace Harness.Isa;

/// <summary>Exception vectors (SDM Vol. 3A, Table 6-1).</summary>
public enum Vector : byte
{
    DE = 0,
    DB = 1,
    NMI = 2,
    BP = 3,
    OF = 4,
    BR = 5,
    UD = 6,
    NM = 7,
    DF = 8,
    TS = 10,
    NP = 11,
    SS = 12,
    GP = 13,
    PF = 14,
    MF = 16,
    AC = 17,
    MC = 18,
}

/// <summary>What a fault reports beside its vector.</summary>
public static class Vectors
{
    // Made once: every delivery is recorded by name.
    private static readonly string[] Numbers = [.. Enumerable.Range(0, 256).Select(v => $"vector {v}")];
    private static readonly string[] Names = [.. Enumerable.Range(0, 256).Select(v => Enum.IsDefined((Vector)v) ? $"#{(Vector)v}" : Numbers[v])];

    /// <summary>Whether the exception pushes an error code (SDM Vol. 3A, Table 6-1).</summary>
    public static bool HasErrorCode(Vector vector) => vector is Vector.DF or (>= Vector.TS and <= Vector.PF) or Vector.AC;

    /// <summary>Contributory exceptions, of which two in a row make a double fault (SDM Vol. 3A, Table 6-4).</summary>
    public static bool IsContributory(Vector vector) => vector is Vector.DE or (>= Vector.TS and <= Vector.GP);

    /// <summary>The name in the manual's notation, "#GP" for 13; "vector 32" where there is none.</summary>
    public static string Name(byte vector) => Names[vector];

    /// <summary>An interrupt's vector in words, "vector 32".</summary>
    public static string NumberOf(byte vector) => Numbers[vector];
}

/// <summary>Error-code bits of segment-related exceptions (SDM Vol. 3A, 6.13) and of #PF (4.7).</summary>
public static class ErrorCode
{
    public const uint External = 1;
    public const uint Idt = 2;
    public const uint Present = 1;
    public const uint Write = 2;
    public const uint User = 4;
    public const uint Reserved = 8;
    public const uint InstructionFetch = 16;
}
