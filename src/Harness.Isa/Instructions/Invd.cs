namespace Harness.Isa.Instructions;

/// <summary>INVD: caches are not modelled.</summary>
[Encodings(Code.Invd)]
[Instruction(Privilege.Supervisor, StaysInBlock = true)]
public readonly struct Invd : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        return !(port.IsGuest && port.Intercepted(InterceptKind.Invd));
    }
}
