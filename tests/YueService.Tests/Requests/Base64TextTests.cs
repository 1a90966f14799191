using System.Text.Json;
using Xunit;
using YueService.Api.Requests;

namespace YueService.Tests.Requests;

/// <summary>Tests the encodings of bytes in JSON.</summary>
public sealed class Base64TextTests
{
    [Theory]
    [InlineData("+/+/", new byte[] { 0xfb, 0xff, 0xbf })]
    [InlineData("-_-_", new byte[] { 0xfb, 0xff, 0xbf })]
    [InlineData("+/8=", new byte[] { 0xfb, 0xff })]
    [InlineData("-_8=", new byte[] { 0xfb, 0xff })]
    [InlineData("-_8", new byte[] { 0xfb, 0xff })]
    [InlineData("+/8", new byte[] { 0xfb, 0xff })]
    [InlineData("+w", new byte[] { 0xfb })]
    [InlineData("AAAA+w", new byte[] { 0, 0, 0, 0xfb })]
    [InlineData("\\u002b\\/8=", new byte[] { 0xfb, 0xff })]
    [InlineData("AAAA\\r\\nAAAA", new byte[] { 0, 0, 0, 0, 0, 0 })]
    [InlineData("data:audio/wav;base64,+/8=", new byte[] { 0xfb, 0xff })]
    [InlineData("DATA:audio/wav;codecs=1;BASE64,-_8", new byte[] { 0xfb, 0xff })]
    [InlineData("data:;base64,AAAA", new byte[] { 0, 0, 0 })]
    [InlineData("data:;base64,", new byte[0])]
    [InlineData("", new byte[0])]
    public void Base64_base64url_and_data_URIs_are_decoded(string text, byte[] bytes)
    {
        using var document = JsonDocument.Parse($"\"{text}\"");
        Assert.Null(Base64Text.FaultOf(document.RootElement));
        Assert.Equal(bytes, Base64Text.Decode(document.RootElement));
    }

    [Theory]
    [InlineData("not base64!", "which is not base64")]
    [InlineData("A", "which is not base64")]
    [InlineData("AAAAA", "which is not base64")]
    [InlineData("+/-_", "which is not base64")]
    [InlineData("AA=A", "which is not base64")]
    [InlineData("\\ud800", "which is not base64")]
    [InlineData("data:audio/wav,AAAA", "a data: URI that is not base64-encoded")]
    [InlineData("data:", "a data: URI that is not base64-encoded")]
    [InlineData("data:audio/wav;base64,%2B", "which is not base64")]
    public void Other_text_is_refused_with_the_reason(string text, string expected)
    {
        using var document = JsonDocument.Parse($"\"{text}\"");
        Assert.Contains(expected, Base64Text.FaultOf(document.RootElement), StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Base64Text.Decode(document.RootElement));
    }
}
