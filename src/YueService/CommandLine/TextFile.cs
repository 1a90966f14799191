using System.Text;

namespace YueService.CommandLine;

/// <summary>Reads text files given by users, in UTF-8 or in UTF-16 with a byte order mark.</summary>
internal static class TextFile
{
    /// <summary>Returns the text of a file, or of standard input if its name is <c>-</c>.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="maxBytes">The maximum size in bytes.</param>
    /// <param name="limit">The maximum size as text, for the message.</param>
    /// <param name="cancel">Stops reading.</param>
    /// <exception cref="InvalidDataException">The file is too large, or is not text in one of the supported encodings.</exception>
    public static async Task<string> ReadAsync(string file, int maxBytes, string limit, CancellationToken cancel)
    {
        var name = file == "-" ? "standard input" : file;
        await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        var buffer = new byte[maxBytes + 1];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
        return length <= maxBytes
            ? Decode(buffer.AsSpan(0, length), name)
            : throw new InvalidDataException($"{name} has more than {limit}.");
    }

    private static string Decode(ReadOnlySpan<byte> bytes, string name)
    {
        Encoding utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        var (encoding, markBytes) = bytes switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (utf8, 3),
            [0xFF, 0xFE, ..] => (new UnicodeEncoding(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true), 2),
            [0xFE, 0xFF, ..] => (new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true), 2),
            _ => (utf8, 0),
        };
        try
        {
            var text = encoding.GetString(bytes[markBytes..]);

            // ASCII text in UTF-16 without a byte order mark is also valid UTF-8, with a NUL next to every character.
            return text.Contains('\0', StringComparison.Ordinal) ? throw NotUtf8(name, null) : text;
        }
        catch (DecoderFallbackException e)
        {
            throw NotUtf8(name, e);
        }
    }

    private static InvalidDataException NotUtf8(string name, Exception? inner) =>
        new($"{name} is not text in UTF-8. Save the file as UTF-8, which editors offer under \"Save as\" or \"Encoding\".", inner);
}
