namespace Harness.Isa.Instructions;

/// <summary>INVLPG.</summary>
[Encodings(Code.Invlpg_m)]
[Instruction(Privilege.Supervisor)]
public readonly struct Invlpg : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint linear = port.EffectiveAddress(in instruction, out SegmentName segment) + port.Segment(segment).Base;
        if (port.IsGuest && port.Intercepted(InterceptKind.Invlpg, 0, linear))
        {
            return false;
        }

        port.InvalidatePage(linear);
        return true;
    }
}
