namespace Harness.Isa.Instructions;

/// <summary>XLAT: AL = table[AL], the table at BX or EBX.</summary>
[Encodings(Code.Xlat_m8)]
[Instruction(Privilege.None, StaysInBlock = true)]
public readonly struct Xlatb : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        uint address = port.Gpr(3) + (byte)port.Gpr(0);
        address = instruction.MemoryBase == Register.BX ? (ushort)address : address;
        if (!port.Read(Operand.Segment(instruction.MemorySegment), address, out byte value))
        {
            return false;
        }

        port.Gpr(0) = (port.Gpr(0) & ~0xFFu) | value;
        return true;
    }
}
