using System.Globalization;

namespace Harness.Tests;

/// <summary>
/// Until disposed, a culture that writes numbers as no file may have them. Named cultures do not exist in the invariant mode of the runtime.
/// </summary>
internal sealed class OddCulture : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public OddCulture()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NegativeSign = "minus";
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NumberGroupSeparator = "'";
        culture.NumberFormat.NumberGroupSizes = [2];
        culture.NumberFormat.PercentSymbol = "per cent";
        CultureInfo.CurrentCulture = culture;
    }

    public void Dispose() => CultureInfo.CurrentCulture = _before;
}
