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
    /// <returns>The document, which the caller disposes, or the problem to answer with.</returns>
    public static async Task<(JsonDocument? Document, ProblemHttpResult? Problem)> ReadAsync(HttpContext http, long maxBytes)
    {
        var request = http.Request;
        if (Unsupported(request) is { } unsupported)
        {
            return (null, Problems.Create(http, ProblemType.UnsupportedMediaType, unsupported));
        }

        LiftServerLimit(http, maxBytes);
        if (request.ContentLength > maxBytes || await ReadBytesAsync(request, maxBytes, http.RequestAborted) is not { } body)
        {
            return (null, Problems.Create(
                http, ProblemType.BodyTooLarge, $"The body is longer than {maxBytes} bytes. Shorten it, or raise the setting Yue:MaxBodyBytes."));
        }

        try
        {
            return (Parse(body), null);
        }
        catch (JsonException e)
        {
            return (null, Problems.Create(http, ProblemType.MalformedJson, Describe(e)));
        }
    }

    /// <summary>
    /// Makes the server take more than the limit. It is enforced here, so that a refusal is a whole answer; the server would
    /// close the connection on a client that is still sending.
    /// </summary>
    private static void LiftServerLimit(HttpContext http, long maxBytes)
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

    /// <summary>The body's bytes; null when there are more than <paramref name="maxBytes"/>.</summary>
    private static async Task<ReadOnlyMemory<byte>?> ReadBytesAsync(HttpRequest request, long maxBytes, CancellationToken cancel)
    {
        var buffer = new byte[request.ContentLength is { } announced ? announced + 1 : ChunkBytes];
        var length = 0;
        while (await request.Body.ReadAsync(buffer.AsMemory(length), cancel) is > 0 and var read)
        {
            length += read;
            if (length > maxBytes)
            {
                return null;
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }
        }

        return buffer.AsMemory(0, length);
    }

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
}
