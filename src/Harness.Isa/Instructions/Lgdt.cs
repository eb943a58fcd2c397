namespace Harness.Isa.Instructions;

/// <summary>LGDT: a 16-bit operand size loads 24 bits of base.</summary>
[Encodings(Code.Lgdt_m1632_16, Code.Lgdt_m1632)]
[Instruction(Privilege.Supervisor)]
public readonly struct Lgdt : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        if (port.IsGuest && port.Intercepted(InterceptKind.DescriptorTableLoad, 0))
        {
            return false;
        }

        uint address = port.EffectiveAddress(in instruction, out SegmentName segment);
        if (!port.Read(segment, address, out ushort limit)
            || !port.Read(segment, (address + 2) & Operand.AddressMask(in instruction), out uint @base))
        {
            return false;
        }

        ref DescriptorTableRegister gdtr = ref port.ChangeGdtr();
        gdtr.Limit = limit;
        gdtr.Base = instruction.Code == Code.Lgdt_m1632_16 ? @base & 0xFFFFFF : @base;
        return true;
    }
}
