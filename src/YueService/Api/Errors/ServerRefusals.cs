using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace YueService.Api.Errors;

/// <summary>Adds problem details to the error responses that Kestrel writes itself, such as 400, 408, 414 and 431.</summary>
/// <remarks>
/// If Kestrel cannot read a request, it rejects the request before any middleware runs. The response has only a head (the status line and
/// headers), and there is no setting for a body. Therefore the output of each connection passes through a writer that recognizes such a
/// head and replaces it. HTTP/2 has no such heads: its error responses keep their empty bodies.
/// </remarks>
internal static partial class ServerRefusals
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Default)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>Adds the writer to every endpoint.</summary>
    public static void DescribeRefusals(this KestrelServerOptions kestrel) => kestrel.ConfigureEndpointDefaults(endpoint =>
    {
        var logger = kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ServerRefusals));
        endpoint.Use(next => connection =>
            next(new DescribingConnection(connection, head => Describe(head, kestrel.Limits, logger))));
    });

    /// <summary>Returns the complete response that replaces a head without a body.</summary>
    private static byte[] Describe(string head, KestrelServerLimits limits, ILogger logger)
    {
        // The server has no request object yet, so the log line and the response get a new trace.
        using var activity = new Activity("refuse").SetIdFormat(ActivityIdFormat.W3C).Start();
        var status = int.Parse(head.AsSpan(RefusalWriter.VersionLength, 3), CultureInfo.InvariantCulture);
        var problem = Problems.Details(
            ProblemType.ForStatus(status), DetailOf(status, limits), activity.TraceId.ToHexString(), isForOpenAi: true);
        var body = JsonSerializer.SerializeToUtf8Bytes(problem, Json);
        Log.Refused(logger, status);
        var length = string.Create(
            CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\nContent-Type: application/problem+json\r\n");
        return [.. Encoding.ASCII.GetBytes(head.Replace(RefusalWriter.NoBody, length, StringComparison.Ordinal)), .. body];
    }

    private static string DetailOf(int status, KestrelServerLimits limits) => status switch
    {
        StatusCodes.Status408RequestTimeout =>
            $"The request did not arrive within {limits.RequestHeadersTimeout.TotalSeconds:0} s.",
        StatusCodes.Status414UriTooLong =>
            $"The request line has more than {limits.MaxRequestLineSize} bytes. Shorten the URL, or send the data in the body.",
        StatusCodes.Status431RequestHeaderFieldsTooLarge =>
            $"The headers have more than {limits.MaxRequestHeadersTotalSize} bytes, "
                + $"or there are more than {limits.MaxRequestHeaderCount} headers. Send fewer or shorter ones.",
        StatusCodes.Status411LengthRequired => "The request has a body without a length. Send Content-Length.",
        StatusCodes.Status505HttpVersionNotsupported => "The HTTP version is not supported. Send HTTP/1.1.",
        _ => "The request line or a header is not valid HTTP. Check the method, the URL, Host and Content-Length.",
    };

    /// <summary>A connection that adds the writer to each of its transports.</summary>
    /// <remarks>
    /// An https endpoint decrypts after this middleware and then sets the plain-text transport, so the setter adds the writer again.
    /// Encrypted bytes never look like a head. The server disposes the inner connection.
    /// </remarks>
    private sealed class DescribingConnection : ConnectionContext
    {
        private readonly ConnectionContext _connection;
        private readonly Func<string, byte[]> _describe;
        private IDuplexPipe _transport;

        public DescribingConnection(ConnectionContext connection, Func<string, byte[]> describe)
        {
            (_connection, _describe) = (connection, describe);
            _transport = Describing(connection.Transport);
        }

        public override IDuplexPipe Transport
        {
            get => _transport;
            set => _transport = value is Duplex ? value : Describing(value);
        }

        public override string ConnectionId
        {
            get => _connection.ConnectionId;
            set => _connection.ConnectionId = value;
        }

        public override IFeatureCollection Features => _connection.Features;

        public override IDictionary<object, object?> Items
        {
            get => _connection.Items;
            set => _connection.Items = value;
        }

        public override CancellationToken ConnectionClosed
        {
            get => _connection.ConnectionClosed;
            set => _connection.ConnectionClosed = value;
        }

        public override EndPoint? LocalEndPoint
        {
            get => _connection.LocalEndPoint;
            set => _connection.LocalEndPoint = value;
        }

        public override EndPoint? RemoteEndPoint
        {
            get => _connection.RemoteEndPoint;
            set => _connection.RemoteEndPoint = value;
        }

        public override void Abort() => _connection.Abort();

        public override void Abort(ConnectionAbortedException abortReason) => _connection.Abort(abortReason);

        private Duplex Describing(IDuplexPipe transport) => new(transport.Input, new RefusalWriter(transport.Output, _describe));
    }

    /// <summary>The two directions of a connection.</summary>
    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>Forwards bytes unchanged, except for the head of an error response.</summary>
    private sealed class RefusalWriter(PipeWriter output, Func<string, byte[]> describe) : PipeWriter
    {
        public const string NoBody = "Content-Length: 0\r\n";
        public const int VersionLength = 9;         // "HTTP/1.1 "
        private const int MaxHeadLength = 512;
        private Memory<byte> _memory;

        public override bool CanGetUnflushedBytes => output.CanGetUnflushedBytes;

        public override long UnflushedBytes => output.UnflushedBytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => _memory = output.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        /// <summary>Forwards the bytes, or replaces them if they are the head of an error response. Kestrel writes a head in one piece, and
        /// none of it is sent before this call.</summary>
        public override void Advance(int bytes)
        {
            var written = _memory.Span[..bytes];
            if (!IsRefusal(written))
            {
                // The rest of the memory may be written in the next call.
                _memory = _memory[bytes..];
                output.Advance(bytes);
                return;
            }

            var response = describe(Encoding.ASCII.GetString(written));
            response.CopyTo(output.GetMemory(response.Length));
            _memory = default;
            output.Advance(response.Length);
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            output.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => output.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => output.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => output.CompleteAsync(exception);

        /// <summary>Recognizes a head without a body. The service's own errors have a body and therefore a content type.</summary>
        private static bool IsRefusal(ReadOnlySpan<byte> written) =>
            written.Length < MaxHeadLength && (written.StartsWith("HTTP/1.1 4"u8) || written.StartsWith("HTTP/1.1 5"u8))
            && written.EndsWith("\r\n\r\n"u8) && written.IndexOf("\r\nContent-Length: 0\r\n"u8) > 0
            && written.IndexOf("\r\nConnection: close\r\n"u8) > 0 && written.IndexOf("\r\nContent-Type:"u8) < 0;
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "The server rejected an unreadable request with status {Status}")]
        public static partial void Refused(ILogger logger, int status);
    }
}
