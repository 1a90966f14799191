using System.Globalization;
using Xunit;
using Yue.Engine.Text;

namespace Yue.Engine.Tests.Text;

public sealed class NormalizationTests
{
    /// <summary>Lines from Unicode's NormalizationTest.txt, at least one of each kind: a source and its normalization form C.</summary>
    [Theory]
    [InlineData("1E0A", "1E0A")]                                        // already composed
    [InlineData("0044 0307", "1E0A")]
    [InlineData("1E0A 0323", "1E0C 0307")]                              // marks are reordered
    [InlineData("0044 0307 0323", "1E0C 0307")]
    [InlineData("1E14 0304", "1E14 0304")]
    [InlineData("05B8 05B9 05B1 0591 05C3 05B0 05AC 059F", "05B1 05B8 05B9 0591 05C3 05B0 05AC 059F")]
    [InlineData("0592 05B7 05BC 05A5 05B0 05C0 05C4 05AD", "05B0 05B7 05BC 05A5 0592 05C0 05AD 05C4")]
    [InlineData("1100 AC00 11A8", "1100 AC01")]                         // Hangul
    [InlineData("1100 1161 11A8", "AC01")]
    [InlineData("0958", "0915 093C")]                                   // composition exclusions
    [InlineData("2ADC", "2ADD 0338")]
    [InlineData("212B", "00C5")]                                        // singletons
    [InlineData("F900", "8C48")]
    [InlineData("2F800", "4E3D")]                                       // outside the Basic Multilingual Plane
    [InlineData("1D15E", "1D157 1D165")]
    [InlineData("110A5 110BA", "110AB")]
    [InlineData("0061 0315 0300 05AE 0062", "00E0 05AE 0315 0062")]     // combining classes
    [InlineData("0344", "0308 0301")]
    [InlineData("FB01 2460", "FB01 2460")]                              // compatibility characters are kept
    public void Normalization_form_C_equals_the_results_published_by_Unicode(string source, string composed) =>
        Assert.Equal(Text(composed), Normalization.ToNfc(Text(source)));

    private static string Text(string codePoints) => string.Concat(codePoints.Split(' ')
        .Select(hex => char.ConvertFromUtf32(int.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture))));
}
