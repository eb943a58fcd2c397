namespace Harness.Isa.Instructions;

/// <summary>OUTS.</summary>
[Encodings(Code.Outsb_DX_m8, Code.Outsw_DX_m16, Code.Outsd_DX_m32)]
[Instruction(Privilege.Conditional, StaysInBlock = true)]
public readonly struct Outs : IString
{
    public static bool Compares => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Execute<T, TPort>(ref TPort port, in StringOperands operands)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        where TPort : struct, IPort
    {
        int size = Unsafe.SizeOf<T>();
        ushort number = (ushort)port.Gpr(2);
        uint source = StringIndex.Source(ref port, in operands);
        IoForm form = IoForm.Out | IoForm.String | (operands.Repeated ? IoForm.Repeated : 0);
        if (!IoPermission.Check(ref port, number, size)
            || IoPermission.Intercepted(ref port, number, size, form, source)
            || !port.Read(operands.Segment, source, out T value))
        {
            return false;
        }

        StringIndex.AdvanceSource<T, TPort>(ref port, in operands);
        port.Out(number, size, (uint)Width.ZeroExtend(value));
        return true;
    }
}
