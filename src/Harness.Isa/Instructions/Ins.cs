namespace Harness.Isa.Instructions;

/// <summary>INS. The destination is probed before the port is read, which cannot be undone.</summary>
[Encodings(Code.Insb_m8_DX, Code.Insw_m16_DX, Code.Insd_m32_DX)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Ins : IString
{
    public static bool Compares => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        int size = Unsafe.SizeOf<T>();
        ushort number = (ushort)port.Gpr(2);
        uint destination = StringIndex.Destination(ref port, in operands);
        IoForm form = IoForm.In | IoForm.String | (operands.Repeated ? IoForm.Repeated : 0);
        if (!IoPermission.Check(ref port, number, size)
            || IoPermission.Intercepted(ref port, number, size, form, destination)
            || !port.Probe(SegmentName.ES, destination, (uint)size, true))
        {
            return false;
        }

        if (!port.Write(SegmentName.ES, destination, Width.Truncate<T>(port.In(number, size))))
        {
            return false;
        }

        StringIndex.AdvanceDestination<T, TPort>(ref port, in operands);
        return true;
    }
}
