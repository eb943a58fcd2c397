namespace Harness.Isa.Instructions;

/// <summary>LIDT: a 16-bit operand size loads 24 bits of base.</summary>
[Encodings(Code.Lidt_m1632_16, Code.Lidt_m1632)]
[Instruction(Privilege.Supervisor)]
public readonly struct Lidt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableLoad, 1))
        {
            return false;
        }

        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        if (!port.Read(segment, address, out ushort limit)
            || !port.Read(segment, (address + 2) & Operand.AddressMask(in instruction), out uint @base))
        {
            return false;
        }

        ref DescriptorTableRegister idtr = ref port.ChangeIdtr();
        idtr.Limit = limit;
        idtr.Base = instruction.Code == Code.Lidt_m1632_16 ? @base & 0xFFFFFF : @base;
        return true;
    }
}
