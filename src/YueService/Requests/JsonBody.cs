using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using YueService.Errors;

namespace YueService.Requests;

/// <summary>Reads a request's JSON body within a size limit.</summary>
internal static class JsonBody
{
    private const int ChunkBytes = 16 * 1024;

    /// <summary>Reads the body as JSON in UTF-8.</summary>
    /// <param name="http">The request; a body without a content type is taken for JSON, as the old service did.</param>
    /// <param name="maxBytes">The longest body taken, whether its length is announced or not.</param>
    /// <param name="large">A field that may be larger and does not count; null for none.</param>
    /// <returns>The document, which the caller disposes, or the problem to answer with.</returns>
    public static async Task<(JsonDocument? Document, ProblemHttpResult? Problem)> ReadAsync(HttpContext http, long maxBytes, LargeField? large = null)
    {
        var request = http.Request;
        if (Unsupported(request) is { } unsupported)
        {
            return (null, Problems.Create(http, ProblemType.UnsupportedMediaType, unsupported));
        }

        LiftServerLimit(http, maxBytes + (large?.MaxBytes ?? 0));
        if (await ReadBytesAsync(request, maxBytes, large, http.RequestAborted) is not { } body)
        {
            return (null, TooLarge(http, maxBytes));
        }

        var (document, problem) = Parse(http, body);
        if (document is not null && body.Length > maxBytes && body.Length - BytesOf(document.RootElement, large) > maxBytes)
        {
            document.Dispose();
            return (null, TooLarge(http, maxBytes));
        }

        return (document, problem);
    }

    /// <summary>The document of a body in memory, which the caller disposes, or the problem to answer with.</summary>
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

    /// <summary>
    /// Makes the server take more than the limit. It is enforced here, so that a refusal is a whole answer; the server would
    /// close the connection on a client that is still sending.
    /// </summary>
    public static void LiftServerLimit(HttpContext http, long maxBytes)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false, MaxRequestBodySize: { } limit } feature)
        {
            feature.MaxRequestBodySize = Math.Max(limit, maxBytes * 2);
        }
    }

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
        return !charset.HasValue || HeaderUtilities.RemoveQuotes(charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            ? null
            : $"The body is in {charset}; send JSON in UTF-8.";
    }

    /// <summary>The body's bytes; null when there are too many. More than <paramref name="maxBytes"/> are read only where the large
    /// field is named among the first of them: what is not that field must fit before or behind it.</summary>
    private static async Task<ReadOnlyMemory<byte>?> ReadBytesAsync(
        HttpRequest request, long maxBytes, LargeField? large, CancellationToken cancel)
    {
        var limit = maxBytes;
        var buffer = new byte[Math.Min(request.ContentLength ?? ChunkBytes, limit) + 1];
        var length = 0;
        while (await request.Body.ReadAsync(buffer.AsMemory(length), cancel) is > 0 and var read)
        {
            length += read;
            if (length > limit)
            {
                if (large is null || limit != maxBytes || buffer.AsSpan(0, length).IndexOf(large.Key) < 0)
                {
                    return null;
                }

                limit = maxBytes + large.MaxBytes;
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(2L * buffer.Length, limit + 1));
            }
        }

        return buffer.AsMemory(0, length);
    }

    private static long BytesOf(JsonElement root, LargeField? large) =>
        large is not null && root.ValueKind == JsonValueKind.Object && root.TryGetProperty(large.Name, out var field)
            ? System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(field).Length
            : 0;

    /// <summary>The document of a body; a byte order mark before it is skipped.</summary>
    private static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        var text = body.Span.StartsWith(byteOrderMark) ? body[byteOrderMark.Length..] : body;
        if (text.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            throw new JsonException("The body is empty.");
        }

        if (!Utf8.IsValid(text.Span))
        {
            throw new JsonException($"The body is not UTF-8 at byte {FirstInvalidByte(text.Span) + 1}.");
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

    /// <summary>What is wrong and where, without the parser's advice to programmers.</summary>
    private static string Describe(JsonException e)
    {
        var reason = e.Message.Split(" LineNumber:")[0].Replace(" Change the reader options.", "", StringComparison.Ordinal);
        return e.LineNumber is { } line && e.BytePositionInLine is { } position
            ? $"{reason} (line {line + 1}, byte {position + 1})"
            : reason;
    }

    /// <summary>A field that may be larger than the body's limit.</summary>
    /// <param name="Name">Of the root object.</param>
    /// <param name="MaxBytes">What it may take.</param>
    internal sealed record LargeField(string Name, long MaxBytes)
    {
        /// <summary>The name as the body has it.</summary>
        public byte[] Key { get; } = Encoding.UTF8.GetBytes($"\"{Name}\"");
    }
}
