namespace Harness.Isa.Instructions;

/// <summary>CLI.</summary>
[Encodings(Code.Cli)]
[Instruction(Privilege.Iopl)]
public readonly struct Cli : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return FlagWrite.SetInterruptFlag(ref port, false);
    }
}
