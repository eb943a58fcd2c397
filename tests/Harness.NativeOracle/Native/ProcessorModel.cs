using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Harness.NativeOracle.Native;

/// <summary>Names the processor of this computer by CPUID (SDM Vol. 2A, CPUID).</summary>
internal static class ProcessorModel
{
    /// <summary>Vendor, family, model, stepping and brand string.</summary>
    public static string Describe()
    {
        (int _, int ebx, int ecx, int edx) = X86Base.CpuId(0, 0);
        string vendor = Text(ebx, edx, ecx);
        int signature = X86Base.CpuId(1, 0).Eax;
        int family = (signature >> 8) & 15;
        int model = (signature >> 4) & 15;
        if (family is 6 or 15)
        {
            model |= (signature >> 12) & 0xF0;
        }

        if (family == 15)
        {
            family += (signature >> 20) & 0xFF;
        }

        var brand = new StringBuilder();
        const int firstBrandLeaf = unchecked((int)0x80000002);
        for (int leaf = firstBrandLeaf; leaf < firstBrandLeaf + 3; leaf++)
        {
            (int a, int b, int c, int d) = X86Base.CpuId(leaf, 0);
            brand.Append(Text(a, b, c, d));
        }

        return $"{vendor} family {family} model {model} stepping {signature & 15} ({brand.ToString().Trim('\0', ' ')})";
    }

    private static string Text(params ReadOnlySpan<int> words) => Encoding.ASCII.GetString(MemoryMarshal.AsBytes(words));
}
