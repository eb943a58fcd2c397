namespace Harness.Machine;

/// <summary>From Iced's instructions to ops.</summary>
internal static unsafe class Decoding
{
    /// <summary>Whether the memory operand's, or string instruction's, addresses are 16 bits wide.</summary>
    public static bool IsAddress16(in Instruction i)
    {
        for (int k = 0; k < i.OpCount; k++)
        {
            switch (i.GetOpKind(k))
            {
                case OpKind.MemorySegSI or OpKind.MemorySegDI or OpKind.MemoryESDI:
                    return true;
                case OpKind.MemorySegESI or OpKind.MemorySegEDI or OpKind.MemoryESEDI:
                    return false;
                case OpKind.Memory:
                    return i.MemoryBase.IsGPR16() || i.MemoryIndex.IsGPR16()
                        || (i.MemoryBase == Register.None && i.MemoryIndex == Register.None && i.MemoryDisplSize == 2);
                default:
                    break;
            }
        }

        return false;
    }

    /// <summary>The operands in the form that handlers use.</summary>
    public static Op Bind(in Instruction i)
    {
        const byte none = CpuState.ZeroRegister * sizeof(ulong);
        var op = new Op
        {
            Eip = i.IP32,
            Length = (byte)i.Length,
            Register0 = none,
            Base = none,
            Index = none,
            Segment = SegmentOffset(Register.DS),
        };
        for (int k = 0; k < i.OpCount; k++)
        {
            switch (i.GetOpKind(k))
            {
                case OpKind.Register when i.GetOpRegister(k).IsGPR():
                    if (k == 0)
                    {
                        op.Register0 = OffsetOf(i.Op0Register);
                    }
                    else if (k == 1)
                    {
                        op.Register1 = OffsetOf(i.Op1Register);
                    }

                    break;
                case OpKind.NearBranch16:
                    op.Target = i.NearBranch16;
                    break;
                case OpKind.NearBranch32:
                    op.Target = i.NearBranch32;
                    break;
                case OpKind.Memory:
                    op.Base = OffsetOf(i.MemoryBase);
                    op.Index = OffsetOf(i.MemoryIndex);
                    op.Scale = (byte)int.Log2(i.MemoryIndexScale);
                    op.Displacement = i.MemoryDisplacement32;
                    op.Segment = SegmentOffset(i.MemorySegment);
                    break;
                case OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegDI or OpKind.MemorySegEDI:
                    op.Segment = SegmentOffset(i.MemorySegment);
                    break;
                case OpKind.Register or OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.FarBranch16 or OpKind.FarBranch32:
                    break;
                default:
                    op.Immediate = (uint)i.GetImmediate(k);
                    break;
            }
        }

        return op;
    }

    private static ushort SegmentOffset(Register segment) => (ushort)(CpuLayout.Segments + (segment - Register.ES) * sizeof(SegmentRegister));

    private static byte OffsetOf(Register register) => (byte)(
        register == Register.None ? CpuState.ZeroRegister * 8 :
        register >= Register.EAX ? (register - Register.EAX) * 8 :
        register >= Register.AX ? (register - Register.AX) * 8 :
        register >= Register.AH ? (register - Register.AH) * 8 + 1 :
        (register - Register.AL) * 8);
}
