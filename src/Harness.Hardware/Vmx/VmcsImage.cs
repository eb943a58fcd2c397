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
        get => Read(_data.AsSpan(row.Offset - VmcsFields.Start), row.Size);
        set => Write(_data.AsSpan(row.Offset - VmcsFields.Start), row.Size, value);
    }

    /// <summary>A field of at most 32 bits, or the low half.</summary>
    public uint Low(VmcsField field) => (uint)this[field];

    /// <summary>Reads 2, 4 or 8 bytes, little-endian.</summary>
    public static ulong Read(ReadOnlySpan<byte> data, int size) => size switch
    {
        2 => BinaryPrimitives.ReadUInt16LittleEndian(data),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(data),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(data),
    };

    /// <summary>Writes 2, 4 or 8 bytes, little-endian.</summary>
    public static void Write(Span<byte> data, int size, ulong value)
    {
        switch (size)
        {
            case 2: BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value); break;
            case 4: BinaryPrimitives.WriteUInt32LittleEndian(data, (uint)value); break;
            default: BinaryPrimitives.WriteUInt64LittleEndian(data, value); break;
        }
    }
}
