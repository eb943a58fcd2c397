using System.Buffers.Binary;

namespace Harness.Hardware.Vmx;

/// <summary>
/// A VMCS as the processor works with it: a copy of its region. In root operation every VMREAD and VMWRITE goes to memory; in non-root operation this copy is
/// the truth, and a VM exit stores it.
/// </summary>
public sealed class VmcsImage
{
    private byte[] _data = new byte[VmcsFields.End - VmcsFields.Start];

    /// <summary>The fields as they lie in the region.</summary>
    public ref byte[] Data => ref _data;

    public ulong this[VmcsField field]
    {
        get => this[VmcsFields.Row(field)];
        set => this[VmcsFields.Row(field)] = value;
    }

    public ulong this[VmcsFieldRow row]
    {
        get
        {
            ReadOnlySpan<byte> data = _data.AsSpan(row.Offset - VmcsFields.Start);
            return row.Size switch
            {
                2 => BinaryPrimitives.ReadUInt16LittleEndian(data),
                4 => BinaryPrimitives.ReadUInt32LittleEndian(data),
                _ => BinaryPrimitives.ReadUInt64LittleEndian(data),
            };
        }
        set
        {
            Span<byte> data = _data.AsSpan(row.Offset - VmcsFields.Start);
            switch (row.Size)
            {
                case 2: BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value); break;
                case 4: BinaryPrimitives.WriteUInt32LittleEndian(data, (uint)value); break;
                default: BinaryPrimitives.WriteUInt64LittleEndian(data, value); break;
            }
        }
    }

    /// <summary>A field of at most 32 bits, or the low half.</summary>
    public uint Low(VmcsField field)
    {
        VmcsFieldRow row = VmcsFields.Row(field);
        ReadOnlySpan<byte> data = _data.AsSpan(row.Offset - VmcsFields.Start);
        return row.Size == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(data) : BinaryPrimitives.ReadUInt32LittleEndian(data);
    }
}
