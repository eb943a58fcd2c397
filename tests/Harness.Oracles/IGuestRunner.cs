namespace Harness.Oracles;

/// <summary>A machine that can run an oracle's image.</summary>
public interface IGuestRunner
{
    /// <summary>
    /// Runs a 64 KiB image (ROM at F0000h and, as an alias, at FFFF0000h; RAM from 0 to 9FFFFh; reset at F000:FFF0) until HLT with IF=0 and returns
    /// what it wrote to port E9. Other ports are absent.
    /// </summary>
    string Run(byte[] rom);
}
