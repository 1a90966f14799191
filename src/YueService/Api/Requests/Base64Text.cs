using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace YueService.Api.Requests;

/// <summary>Bytes in a JSON string: base64 with or without padding, base64url, or a <c>data:</c> URI that contains base64.</summary>
internal static class Base64Text
{
    private const int GroupLength = 4;

    /// <summary>Returns the error, as the end of a sentence about the text; null if the text can be decoded.</summary>
    /// <param name="element">A string element.</param>
    public static string? FaultOf(JsonElement element)
    {
        if (!TryGetText(element, out var text))
        {
            return $"is {JsonText.Describe(element)}, which is not base64";
        }

        if (!TrySkipDataUri(ref text))
        {
            return $"is {JsonText.Show(element)}, a data: URI that is not base64-encoded (as in data:audio/wav;base64,…)";
        }

        return TryMeasure(text, out _) ? null : $"is {JsonText.Describe(element)}, which is not base64";
    }

    /// <summary>Returns the bytes that valid text encodes.</summary>
    public static byte[] Decode(JsonElement element)
    {
        if (!TryGetText(element, out var text) || !TrySkipDataUri(ref text) || !TryMeasure(text, out var length))
        {
            throw new FormatException("The text is not base64.");
        }

        var bytes = new byte[length];
        if (Base64.IsValid(text))
        {
            Base64.DecodeFromUtf8(text, bytes, out _, out _);
        }
        else if (Base64Url.IsValid(text))
        {
            Base64Url.DecodeFromUtf8(text, bytes, out _, out _);
        }
        else
        {
            var (whole, last) = SplitUnpadded(text);
            Base64.DecodeFromUtf8(whole, bytes, out _, out var written);
            Base64.DecodeFromUtf8(last, bytes.AsSpan(written), out _, out _);
        }

        return bytes;
    }

    private static bool TryMeasure(ReadOnlySpan<byte> text, out int length)
    {
        if (Base64.IsValid(text, out length) || Base64Url.IsValid(text, out length))
        {
            return true;
        }

        if (text.Length % GroupLength < 2)
        {
            return false;
        }

        var (whole, last) = SplitUnpadded(text);
        var valid = Base64.IsValid(whole, out var wholeLength) & Base64.IsValid(last, out var lastLength);
        length = wholeLength + lastLength;
        return valid;
    }

    /// <summary>Splits text without padding into its complete groups and its last group, to which the padding is added.</summary>
    private static Split SplitUnpadded(ReadOnlySpan<byte> text)
    {
        var end = text.Length / GroupLength * GroupLength;
        byte[] last = [.. text[end..], .. "=="u8[..(GroupLength - (text.Length - end))]];
        return new(text[..end], last);
    }

    /// <summary>Skips the prefix of a data: URI, if there is one; returns false if the URI is not base64.</summary>
    private static bool TrySkipDataUri(ref ReadOnlySpan<byte> text)
    {
        if (text.Length < 5 || !Ascii.EqualsIgnoreCase(text[..5], "data:"u8))
        {
            return true;
        }

        ReadOnlySpan<byte> mark = ";base64"u8;
        var comma = text.IndexOf((byte)',');
        if (comma < mark.Length || !Ascii.EqualsIgnoreCase(text[(comma - mark.Length)..comma], mark))
        {
            return false;
        }

        text = text[(comma + 1)..];
        return true;
    }

    /// <summary>Gets the text in UTF-8; it is copied only if it contains escapes. Returns false if an escape is not valid
    /// Unicode.</summary>
    private static bool TryGetText(JsonElement element, out ReadOnlySpan<byte> text)
    {
        text = JsonMarshal.GetRawUtf8Value(element)[1..^1];
        if (text.Contains((byte)'\\'))
        {
            if (!JsonText.TryGet(element, out var unescaped, out _))
            {
                return false;
            }

            text = Encoding.UTF8.GetBytes(unescaped);
        }

        return true;
    }

    private readonly ref struct Split(ReadOnlySpan<byte> whole, ReadOnlySpan<byte> last)
    {
        private readonly ReadOnlySpan<byte> _whole = whole;
        private readonly ReadOnlySpan<byte> _last = last;

        public void Deconstruct(out ReadOnlySpan<byte> wholeGroups, out ReadOnlySpan<byte> lastGroup)
        {
            wholeGroups = _whole;
            lastGroup = _last;
        }
    }
}
