using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Yue.Engine.Audio;
using YueService.Api.Errors;

namespace YueService.Api.Requests;

/// <summary>Reads a request's JSON body within a size limit.</summary>
internal static class JsonBody
{
    private const int ChunkBytes = 16 * 1024;

    // The standard's name, a common misspelling, and ASCII, which is a subset of UTF-8.
    private static readonly FrozenSet<string> Utf8Names = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "utf-8", "utf8", "us-ascii");

    /// <summary>Reads the body as JSON in UTF-8.</summary>
    /// <param name="http">The request; a body without a content type is treated as JSON, as in the earlier Python service.</param>
    /// <param name="maxBytes">The maximum length of a body, whether its length is announced or not.</param>
    /// <param name="share">Counts the bytes that have arrived.</param>
    /// <param name="clip">A clip in the body, which does not count toward <paramref name="maxBytes"/>; null if there cannot be
    /// one.</param>
    /// <returns>The document, which the caller disposes, or the problem to return.</returns>
    public static async Task<(JsonDocument? Document, ProblemHttpResult? Problem)> ReadAsync(
        HttpContext http, long maxBytes, BodyBudget.Share share, ClipInJson? clip = null)
    {
        if (Unsupported(http.Request) is { } unsupported)
        {
            return (null, Problems.Create(http, ProblemType.UnsupportedMediaType, unsupported));
        }

        var (body, refusal) = await ReadBytesAsync(http, maxBytes, share, clip);
        if (refusal is not null)
        {
            return (null, refusal);
        }

        // A document's memory is proportional to its number of tokens. A body that exceeds the limit because of its clip must not have
        // more tokens than a body within the limit can have.
        if (body.Length > maxBytes && HasMoreTokens(body.Span, maxBytes / 2))
        {
            return (null, TooLarge(http, maxBytes));
        }

        var (document, problem) = Parse(http, body);
        if (document is not null && body.Length > maxBytes && body.Length - ClipInJson.BytesOf(document.RootElement) > maxBytes)
        {
            document.Dispose();
            return (null, TooLarge(http, maxBytes));
        }

        return (document, problem);
    }

    /// <summary>Parses a body in memory. Returns the document, which the caller disposes, or the problem to return.</summary>
    public static (JsonDocument? Document, ProblemHttpResult? Problem) Parse(HttpContext http, ReadOnlyMemory<byte> body)
    {
        try
        {
            return (Parse(body), null);
        }
        catch (JsonException e)
        {
            return (null, Problems.Create(http, ProblemType.MalformedJson, Describe(e)));
        }
    }

    private static ProblemHttpResult TooLarge(HttpContext http, long maxBytes) => Problems.Create(
        http, ProblemType.BodyTooLarge, $"The body is longer than {maxBytes} bytes. Shorten it, or raise the setting Yue:MaxBodyBytes.");

    private static string? Unsupported(HttpRequest request)
    {
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
        {
            return $"The body is encoded as {encoding}; send it without Content-Encoding.";
        }

        if (string.IsNullOrEmpty(request.ContentType))
        {
            return null;
        }

        if (!request.HasJsonContentType())
        {
            return $"The body is {request.ContentType}; send application/json.";
        }

        var charset = MediaTypeHeaderValue.Parse(request.ContentType).Charset;
        return !charset.HasValue || Utf8Names.Contains(HeaderUtilities.RemoveQuotes(charset).ToString())
            ? null
            : $"The body is in {charset}; send JSON in UTF-8, with charset=utf-8 or without charset.";
    }

    /// <summary>Reads the body's bytes. More than <paramref name="maxBytes"/> are read only if the name of the clip's field occurs within
    /// the first <paramref name="maxBytes"/>. Without the clip, the body must still fit into <paramref name="maxBytes"/>, which the caller
    /// checks.</summary>
    private static async Task<(ReadOnlyMemory<byte> Body, ProblemHttpResult? Problem)> ReadBytesAsync(
        HttpContext http, long maxBytes, BodyBudget.Share share, ClipInJson? clip)
    {
        var request = http.Request;
        var limit = maxBytes;
        var buffer = new byte[Math.Min(request.ContentLength ?? ChunkBytes, limit) + 1];
        var length = 0;
        while (await request.Body.ReadAsync(buffer.AsMemory(length), http.RequestAborted) is > 0 and var read)
        {
            length += read;
            if (length > limit)
            {
                if (clip is null || limit != maxBytes || buffer.AsSpan(0, length).IndexOf(ClipInJson.Key) < 0)
                {
                    return (default, TooLarge(http, maxBytes));
                }

                if (clip.Admit() is { } refusal)
                {
                    return (default, refusal);
                }

                limit = maxBytes + ClipInJson.MaxBytes;
            }

            if (!share.TryTake(read))
            {
                return (default, BodyReader.OverBudget(http, share, read));
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(request.ContentLength + 1 ?? 2L * buffer.Length, limit + 1));
            }
        }

        return (buffer.AsMemory(0, length), null);
    }

    private static bool HasMoreTokens(ReadOnlySpan<byte> body, long max)
    {
        var reader = new Utf8JsonReader(WithoutByteOrderMark(body));
        try
        {
            while (reader.Read())
            {
                if (--max < 0)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            // The parser, which runs next, reports this error and its position.
        }

        return false;
    }

    private static ReadOnlySpan<byte> WithoutByteOrderMark(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        return text.StartsWith(byteOrderMark) ? text[byteOrderMark.Length..] : text;
    }

    /// <summary>Parses a body; a leading byte order mark is skipped.</summary>
    private static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        var text = body[(body.Length - WithoutByteOrderMark(body.Span).Length)..];
        if (text.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            throw new JsonException("The body is empty.");
        }

        if (!Utf8.IsValid(text.Span))
        {
            throw new JsonException($"The body is not valid UTF-8 at byte {FirstInvalidByte(text.Span) + 1}.");
        }

        return JsonDocument.Parse(text);
    }

    private static int FirstInvalidByte(ReadOnlySpan<byte> text)
    {
        var index = 0;
        while (Rune.DecodeFromUtf8(text[index..], out _, out var consumed) == OperationStatus.Done)
        {
            index += consumed;
        }

        return index;
    }

    /// <summary>Returns the error and its position, without the parser's advice to programmers.</summary>
    private static string Describe(JsonException e)
    {
        var reason = e.Message.Split(" LineNumber:")[0].Replace(" Change the reader options.", "", StringComparison.Ordinal);
        return e.LineNumber is { } line && e.BytePositionInLine is { } position
            ? $"{reason} (line {line + 1}, byte {position + 1})"
            : reason;
    }
}

/// <summary>A clip within a JSON body. It does not count toward the maximum length of the rest.</summary>
/// <param name="Admit">Called before the body is read beyond the maximum length of the rest. If it returns a problem, that is the
/// response.</param>
internal sealed record ClipInJson(Func<ProblemHttpResult?> Admit)
{
    /// <summary>The maximum length of a clip in base64, which has four characters per three bytes. A clip can consist of two
    /// files.</summary>
    public const long MaxBytes = 2L * AudioDecoder.MaxBytes / 3 * 4;

    /// <summary>The name of the clip's field as it appears in a body, including the quotes.</summary>
    public static ReadOnlySpan<byte> Key => "\"reference\""u8;

    /// <summary>Returns the number of bytes of the clip's field in a body.</summary>
    public static long BytesOf(JsonElement root) =>
        JsonText.TryGetProperty(root, SongFields.Reference.Name, out var field)
            ? System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(field).Length
            : 0;
}
