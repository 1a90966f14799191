using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.Api.Requests;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests bodies with clips: the limit on their total size, and bodies that are rejected before they are read.</summary>
public sealed class LargeBodyTests
{
    private const int Mebibyte = 1 << 20;
    private const string Json = "--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{\"lyrics\":\"la\"}\r\n";
    private const string End = "\r\n--x--\r\n";

    [Fact]
    public async Task Many_concurrent_large_bodies_stay_within_the_budget()
    {
        const int Clients = 8;
        using var app = YueApp.OnSocket(("Yue:BodyBudgetMegabytes", "20"));
        using var client = app.CreateClient();
        var budget = app.Services.GetRequiredService<BodyBudget>();
        var body = $"{Json}{File("reference.audio")}{new string('x', 8 * Mebibyte)}{End}";
        var uploads = new List<Upload>();
        try
        {
            for (var i = 0; i < Clients; i++)
            {
                uploads.Add(await Upload.StartAsync(client.BaseAddress!, "/predict", body.Length));
            }

            // Two bodies of 8 MiB fit into 20 MiB; the others are not read at all.
            var open = uploads.Select(upload => upload.Response).ToList();
            while (open.Count > 2)
            {
                var refused = await Task.WhenAny(open);
                open.Remove(refused);
                var response = await refused;
                Assert.Equal(503, response.Status);
                Assert.Contains("Retry-After: ", response.Head, StringComparison.Ordinal);
                Assert.Equal("urn:yue:too-many-bodies", response.Problem().GetProperty("type").GetString());
            }

            Assert.Equal(2 * body.Length, budget.UsedBytes);
            foreach (var upload in uploads.Where(upload => open.Contains(upload.Response)))
            {
                await upload.SendAsync(body);
                Assert.Equal(422, (await upload.Response).Status);
            }

            await Eventually.TrueAsync(() => budget.UsedBytes == 0);
        }
        finally
        {
            uploads.ForEach(upload => upload.Dispose());
        }
    }

    [Fact]
    public async Task A_body_whose_declared_length_does_not_fit_is_refused_before_it_is_read()
    {
        using var app = YueApp.OnSocket(("Yue:BodyBudgetMegabytes", "20"));
        using var client = app.CreateClient();
        using var share = app.Services.GetRequiredService<BodyBudget>().Open();
        Assert.True(share.TryReserve(15 * Mebibyte));
        using var upload = await Upload.StartAsync(client.BaseAddress!, "/v1/songs", contentLength: 8 * Mebibyte);
        Assert.Equal("urn:yue:too-many-bodies", (await upload.Response).Problem().GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_body_that_can_never_fit_the_budget_causes_a_413()
    {
        using var app = YueApp.OnSocket(("Yue:BodyBudgetMegabytes", "1"));
        using var client = app.CreateClient();
        using var upload = await Upload.StartAsync(client.BaseAddress!, "/predict", contentLength: null);
        await upload.SendAsync($"{Json}{File("reference.audio")}{new string('x', 2 * Mebibyte)}");
        var response = await upload.Response;
        Assert.Equal(413, response.Status);
        Assert.Contains("Yue:BodyBudgetMegabytes", response.Problem().GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/predict")]
    [InlineData("/v1/songs")]
    public async Task A_clip_is_not_read_while_the_queue_is_full(string path)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        app.FillQueue();

        // Only the beginning of the body is sent, so the server must respond before it has read the clip.
        using var files = await Upload.StartAsync(client.BaseAddress!, path, contentLength: 60 * Mebibyte);
        await files.SendAsync(Json + File("reference.audio"));
        Assert.Equal("urn:yue:queue-full", (await files.Response).Problem().GetProperty("type").GetString());
        using var inline = await Upload.StartAsync(client.BaseAddress!, path, contentLength: 60 * Mebibyte, "application/json");
        await inline.SendAsync($$"""{"lyrics":"la","reference":{"audio":"{{new string('A', 3 * Mebibyte)}}""");
        Assert.Equal("urn:yue:queue-full", (await inline.Response).Problem().GetProperty("type").GetString());
        app.Engine.Status = app.Engine.Status with { State = EngineState.Loading };
        using var loading = await Upload.StartAsync(client.BaseAddress!, path, contentLength: 60 * Mebibyte);
        await loading.SendAsync(Json + File("reference.audio"));
        Assert.Equal("urn:yue:not-ready", (await loading.Response).Problem().GetProperty("type").GetString());
        Assert.Empty(app.Engine.Requests);
    }

    [Fact]
    public async Task A_known_idempotency_key_returns_its_job_even_if_the_queue_is_full()
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var first = await client.PostSongAsync("""{"lyrics":"la"}""", key: "k");
        app.FillQueue();
        using var again = await client.PostSongAsync("""{"lyrics":"la"}""", key: "k");
        Assert.Equal((HttpStatusCode.Accepted, first.Headers.Location), (again.StatusCode, again.Headers.Location));
    }

    [Theory]
    [InlineData("reference.audoi", "reference.audoi", "the closest known name is reference.audio")]
    [InlineData("", "", "is not known")]
    [InlineData("request", "request", "was sent twice")]
    public async Task An_invalid_part_is_refused_with_a_reason_before_it_is_read(string name, string field, string expected)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        using var upload = await Upload.StartAsync(client.BaseAddress!, "/predict", contentLength: 60 * Mebibyte);
        await upload.SendAsync(Json + File(name));
        var response = await upload.Response;
        Assert.Equal(422, response.Status);
        Assert.Contains(expected, response.Problem().GetProperty("errors").GetProperty(field)[0].GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("reference.audio", "reference.vocal")]
    [InlineData("reference.instrumental", "reference.audio")]
    public async Task A_mixed_clip_and_a_stem_are_refused_before_the_second_is_read(string first, string second)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        using var upload = await Upload.StartAsync(client.BaseAddress!, "/predict", contentLength: 60 * Mebibyte);
        await upload.SendAsync($"{Json}{File(first)}abc\r\n{File(second)}");
        var detail = (await upload.Response).Problem().GetProperty("detail").GetString();
        Assert.Contains("was sent together with stems", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_large_body_of_many_JSON_tokens_causes_a_413()
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var response = await client.PredictAsync(
            $$"""{"lyrics":"la","reference":[{{string.Join(',', Enumerable.Repeat('0', 2 * Mebibyte))}}]}""");
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
    }

    [Fact]
    public async Task A_large_part_is_stored_in_an_unnamed_file()
    {
        using var folder = new TemporaryFolder();
        using var part = new SpooledFile(folder.Path);
        var bytes = RandomNumberGenerator.GetBytes(200_000);
        await part.WriteAsync(bytes.AsMemory(0, 1000), TestContext.Current.CancellationToken);
        Assert.True(part.IsInMemory);
        await part.WriteAsync(bytes.AsMemory(1000), TestContext.Current.CancellationToken);
        Assert.False(part.IsInMemory);
        Assert.Equal(bytes, await part.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal(SHA256.HashData(bytes), await part.HashAsync(TestContext.Current.CancellationToken));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Empty(folder.Files);
        }
    }

    private static string File(string name) => $"--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.wav\"\r\n\r\n";

    /// <summary>A request whose body is sent in pieces while its response is awaited.</summary>
    private sealed class Upload : IDisposable
    {
        private readonly TcpClient _client = new();
        private bool _isChunked;

        /// <summary>The first response on the connection.</summary>
        public Task<RawResponse> Response { get; private set; } = Task.FromResult(new RawResponse(""));

        public static async Task<Upload> StartAsync(
            Uri server, string path, long? contentLength, string contentType = "multipart/form-data; boundary=x")
        {
            var upload = new Upload { _isChunked = contentLength is null };
            await upload._client.ConnectAsync(server.Host, server.Port, TestContext.Current.CancellationToken);
            var framing = contentLength is { } length ? $"Content-Length: {length}" : "Transfer-Encoding: chunked";
            await upload.WriteAsync($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {contentType}\r\n{framing}\r\n\r\n");
            upload.Response = upload.ReadAsync();
            return upload;
        }

        /// <summary>Sends a piece of the body, unless the server has closed the connection.</summary>
        public async Task SendAsync(string piece)
        {
            try
            {
                await WriteAsync(_isChunked ? $"{piece.Length:x}\r\n{piece}\r\n" : piece);
            }
            catch (IOException)
            {
                // The server has already refused the request and closed the connection.
            }
        }

        public void Dispose() => _client.Dispose();

        private async Task WriteAsync(string text) =>
            await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text), TestContext.Current.CancellationToken);

        /// <summary>Reads the response until the JSON in its body is complete.</summary>
        private async Task<RawResponse> ReadAsync()
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            timeout.CancelAfter(TimeSpan.FromMinutes(1));
            var text = new StringBuilder();
            var buffer = new byte[16 * 1024];
            while (!text.ToString().Contains("}\r\n", StringComparison.Ordinal))
            {
                var read = await _client.GetStream().ReadAsync(buffer, timeout.Token);
                Assert.True(read > 0, $"the connection was closed after: {text}");
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }

            return new RawResponse(text.ToString());
        }
    }
}
