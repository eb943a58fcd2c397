using System.Buffers.Binary;

namespace Harness.Vmm.Classification;

/// <summary>
/// How the laboratory enters VMX operation: code in the code segment's upper half, and what it works on at the end of the data segment. A VMCS gets a guest that shares the
/// supervisor's segments and pages. Field encodings: SDM Vol. 3D, appendix B.
/// </summary>
internal static class LabVmx
{
    /// <summary>Offset of the code in its segment.</summary>
    public const uint Start = 0x800;

    private const uint GuestStart = 0x900;
    private const uint HostStart = 0x940;
    private const uint Fields = 0xC00;
    private const uint Pointers = 0xF00;

    /// <summary>VMXON, VMCLEAR and VMPTRLD, whose operands are at <see cref="Pointers"/>.</summary>
    private static readonly byte[] Open = [0xF3, 0x0F, 0xC7, 0x35, 0x00, 0x0F, 0, 0, 0x66, 0x0F, 0xC7, 0x35, 0x08, 0x0F, 0, 0, 0x0F, 0xC7, 0x35, 0x08, 0x0F, 0, 0];

    /// <summary>MOV ESI, table; MOV ECX, count; MOV EAX, [ESI]; VMWRITE EAX, [ESI+4]; ADD ESI, 8; LOOP; VMLAUNCH.</summary>
    private static readonly byte[] Fill = [0xBE, 0x00, 0x0C, 0, 0, 0xB9, 0, 0, 0, 0, 0x8B, 0x06, 0x0F, 0x79, 0x46, 0x04, 0x83, 0xC6, 0x08, 0xE2, 0xF5, 0x0F, 0x01, 0xC2];

    private static readonly byte[] VmCall = [0x0F, 0x01, 0xC1];

    /// <summary>Puts code, operands, regions and the fields of a VMCS into a copy.</summary>
    /// <param name="model">Its capabilities decide the controls: those that must be 1.</param>
    /// <param name="copy">The copy.</param>
    /// <param name="physical">Where the copy lies.</param>
    public static void Build(ProcessorModel model, Span<byte> copy, uint physical)
    {
        uint revision = Low(model, Msr.IA32_VMX_BASIC) & int.MaxValue;
        for (uint i = 0; i < LabLayout.VmxRegionCount; i++)
        {
            uint region = LabLayout.VmxRegions + i * Ram.PageSize;
            Put(copy, region, revision);
            Put(copy, LabLayout.Data + Pointers + i * 8, physical + region);
        }

        List<(uint Field, uint Value)> fields = Contents(model, physical);
        Open.CopyTo(copy[(int)(LabLayout.Code + Start)..]);
        uint fill = LabLayout.Code + Start + (uint)Open.Length;
        Fill.CopyTo(copy[(int)fill..]);
        Put(copy, fill + 6, (uint)fields.Count);
        VmCall.CopyTo(copy[(int)(LabLayout.Code + GuestStart)..]);
        for (int i = 0; i < fields.Count; i++)
        {
            Put(copy, LabLayout.Data + Fields + (uint)i * 8, fields[i].Field);
            Put(copy, LabLayout.Data + Fields + (uint)i * 8 + 4, fields[i].Value);
        }
    }

    /// <summary>Instructions of the code up to VMX operation, to a VMCS that can be launched, or to the exit of its guest's VMCALL.</summary>
    public static int Length(VmxOperation operation, ProcessorModel model)
    {
        int fields = Contents(model, 0).Count;
        return operation switch { VmxOperation.Root => 3, VmxOperation.Clear => 3 + 2 + 4 * fields, _ => 3 + 2 + 4 * fields + 2 };
    }

    private static List<(uint Field, uint Value)> Contents(ProcessorModel model, uint physical)
    {
        const uint cr0 = Cr0.PE | Cr0.ET | Cr0.NE | Cr0.PG;
        const uint host = 0x6C00, guest = 0x6800, unusable = 0x10000, data = LabLayout.Data;
        uint directory = physical + LabLayout.PageDirectory;
        List<(uint Field, uint Value)> fields =
        [
            (0x4000, Low(model, Msr.IA32_VMX_PINBASED_CTLS)), (0x4002, Low(model, Msr.IA32_VMX_PROCBASED_CTLS)),
            (0x400C, Low(model, Msr.IA32_VMX_EXIT_CTLS)), (0x4012, Low(model, Msr.IA32_VMX_ENTRY_CTLS)), (0x2800, uint.MaxValue), (0x2801, uint.MaxValue),
            (host, cr0), (host + 2, directory), (host + 4, Cr4.VMXE), (host + 6, data + 2 * LabLayout.DataStride), (host + 8, data + 3 * LabLayout.DataStride),
            (host + 0xA, LabLayout.Tss), (host + 0xC, LabLayout.Gdt), (host + 0xE, LabLayout.Idt), (host + 0x14, LabLayout.StackPointer), (host + 0x16, HostStart),
            (guest, cr0), (guest + 2, directory), (guest + 4, Cr4.VMXE), (0x4820, unusable), (0x480E, LabLayout.TssEnd - 1), (0x4822, 0x8B),
            (0x80E, LabLayout.TssSelector), (0xC0C, LabLayout.TssSelector), (guest + 0x14, LabLayout.Tss), (guest + 0x16, LabLayout.Gdt), (guest + 0x18, LabLayout.Idt),
            (0x4810, LabLayout.GdtLimit), (0x4812, LabLayout.IdtLimit), (guest + 0x1A, DebugBits.Dr7Fixed), (guest + 0x1C, LabLayout.StackPointer),
            (guest + 0x1E, GuestStart), (guest + 0x20, Eflags.Fixed),
        ];
        (uint Selector, uint Base, uint Rights)[] segments =
        [
            (LabLayout.DataEs, data + LabLayout.DataStride, 0x40F3), (LabLayout.Code0, LabLayout.Code, 0x409B), (LabLayout.Stack0, LabLayout.Stack, 0x4093),
            (LabLayout.DataDs, data, 0x40F3), (LabLayout.DataFs, data + 2 * LabLayout.DataStride, 0x40F3), (LabLayout.DataGs, data + 3 * LabLayout.DataStride, 0x40F3),
        ];
        for (uint i = 0; i < segments.Length; i++)
        {
            (uint selector, uint at, uint rights) = segments[i];
            fields.AddRange([(0x800 + 2 * i, selector), (0xC00 + 2 * i, selector), (0x4800 + 2 * i, 0xFFF), (0x4814 + 2 * i, rights), (guest + 6 + 2 * i, at)]);
        }

        return fields;
    }

    private static uint Low(ProcessorModel model, uint number) => (uint)model.Msrs.FirstOrDefault(m => m.Number == number).Reset;

    private static void Put(Span<byte> copy, uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(copy[(int)at..], value);
}
