using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests requests with random errors.</summary>
public sealed class FuzzTests
{
    private const int Bodies = 7000;

    // The inputs of the mutations: a whole request, and pieces that are difficult for parsers.
    private static readonly byte[] Whole = Encoding.UTF8.GetBytes("""
        {"lyrics":"[verse]\nlove 😀 é\n[chorus]\nla","genre":"pop","max_new_tokens":3000,"run_n_segments":2,"seed":-42,"takes":1,
         "client_job_id":"a:1","model":"en-cot","callback_url":null,
         "stage":"full","instrumental":false,"return_codes":true,"target_seconds":[20.5],"replace_section":null,
         "continue_from":{"model":"en-cot","sections":[
          {"tag":"verse","vocal":[0,2],"instrumental":[3,1023],"ended":"end_of_audio","unpaired":5}]},
         "output":{"sample_rate":44100,"format":"wav","stems":true,"fade_out_seconds":2},
         "sampling":{"temperature":1.0,"top_p":0.93,"top_k":50,"repetition_penalty":1.1,"guidance_scale":1.5}}
        """);

    private static readonly string[] Pieces =
    [
        "\\ud800", "\\u0000", "\"\\udc00\":1,", "null", "{}", "[]", "1e999", "-0", "1E400", "\"\"", "99999999999999999999", "0.1e-400",
        "\"finish\"", "\"draft\"", "\"http://[::1\"", "\"https://a.example/\"", "\"continue_from\":",
        "\"0123456789abcdef0123456789abcdef\"",
        "{\"a\":", "[[[[", "}", ",", ":", "\"lyrics\":", "\"sampling\":{", "true", "\\", "\"", "\ufeff", "//", "NaN", "Infinity", "\u0000",
    ];

    private static readonly byte[] ToolCall = Encoding.UTF8.GetBytes("""
        {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"remake_song","arguments":{"lyrics":"[verse]\nlove 😀 é",
         "continue_from":"0123456789abcdef0123456789abcdef","replace_section":1,"seed":-42,"sampling":{"top_p":0.93}}}}
        """);

    private static readonly byte[] Edit = """{"title":"la 😀","favourite":true,"note":"é"}"""u8.ToArray();

    private static readonly byte[] Multipart = Encoding.UTF8.GetBytes(
        "--x\r\nContent-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json\r\n\r\n"
        + "{\"lyrics\":\"la\",\"reference\":{\"end_seconds\":5}}\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"reference.audio\"; filename=\"a.wav\"\r\n\r\nRIFFabcdWAVE\r\n--x--\r\n");

    private static readonly string[] MultipartPieces =
    [
        "\r\n", "--x", "--x--", "\r\n\r\n", "--x\r\n", ":", ";", "\"", "name=",
        "name=\"reference.vocal\"", "name*=utf-8''a%00", "\u0000", "\ufeff",
        "Content-Disposition: form-data", "Content-Transfer-Encoding: base64\r\n", "é", "{", "}", "null", "reference", "request",
    ];

    private static readonly byte[] Http = Encoding.UTF8.GetBytes(
        "POST /v1/songs?limit=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        + "Prefer: respond-async\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"lyrics\":\"la\"}");

    private static readonly string[] HttpPieces =
    [
        "\r\n", "\n", "\r", "\u0000", "\u0001", " ", "\t", ":", "/", "%00", "%zz",
        "?", "#", "GET ", "HEAD ", "CONNECT ", "OPTIONS * ", "HTTP/1.0", "HTTP/2.0",
        "HTTP/9.9", "Host: a\r\n", "Host: [::1\r\n", "Content-Length: 1\r\n", "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n",
        "Upgrade: websocket\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "é", "\ufeff", "//", "http://localhost/", "..", "99999999999999999999",
    ];

    [Fact]
    public async Task No_body_causes_a_500()
    {
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var random = new Random(20_240_601);
        var seen = new Dictionary<HttpStatusCode, int>();
        for (var i = 0; i < Bodies; i++)
        {
            var body = Mutate(random);
            var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await client.PredictAsync(content, request =>
            {
                if (random.Next(4) == 0)
                {
                    request.Headers.TryAddWithoutValidation("Prefer", "handling=strict");
                }
            });
            Assert.True((int)response.StatusCode < 500, $"body {i}: {response.StatusCode} for {Convert.ToBase64String(body)}");
            seen[response.StatusCode] = seen.GetValueOrDefault(response.StatusCode) + 1;
            if (response.StatusCode != HttpStatusCode.OK)
            {
                var problem = await response.JsonAsync();
                Assert.StartsWith("urn:yue:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
                Assert.NotEmpty(problem.GetProperty("trace_id").GetString()!);
            }

            if (i % 10 == 0)
            {
                await CheckAsync(client, body, response);
                await SignInAsync(client, body);
            }
        }

        // The mutations must produce every outcome of reading a body.
        Assert.All(
            [HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity],
            status => Assert.True(seen[status] > Bodies / 20));
    }

    /// <summary>Sends the same body to the check endpoint. It must return 400 if and only if the song endpoint did. Without strict
    /// handling, it must call the body valid if and only if the body made a song.</summary>
    private static async Task CheckAsync(HttpClient client, byte[] body, HttpResponseMessage song)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var check = await client.PostAsync("/v1/songs/check", content, TestContext.Current.CancellationToken);
        var isStrict = song.Headers.Contains("Preference-Applied");
        Assert.Equal(song.StatusCode == HttpStatusCode.BadRequest, check.StatusCode == HttpStatusCode.BadRequest);
        if (check.StatusCode == HttpStatusCode.OK && !isStrict)
        {
            Assert.Equal(song.StatusCode == HttpStatusCode.OK, (await check.JsonAsync()).GetProperty("valid").GetBoolean());
        }
    }

    /// <summary>Sends the same body to the session endpoint, which must refuse it because it is unreadable or contains no key.</summary>
    private static async Task SignInAsync(HttpClient client, byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await client.PostAsync("/v1/session", content, TestContext.Current.CancellationToken);
        Assert.InRange((int)response.StatusCode, 400, 499);
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task No_operation_of_the_API_causes_a_500()
    {
        const int Requests = 30;
        string[] ids = ["0", "0123456789abcdef0123456789abcdef", "é", "..%2f", "%01", "en-cot", new('a', 300)];
        string[] headers = ["If-None-Match", "If-Match", "Last-Event-ID", "Range", "Idempotency-Key", "Accept", "Prefer"];
        string[] values = ["*", "\"\"", "W/\"x\"", "é", "bytes=1-0", "0-0", ",", "text/html", "respond-async", new('k', 300)];
        using var app = new YueApp(
            ("Serilog:MinimumLevel:Default", "Fatal"), ("Yue:Webhooks:Secret", "whsec_" + Convert.ToBase64String(new byte[32])));
        using var client = app.CreateClient();
        var random = new Random(17);
        foreach (var path in (await client.GetJsonAsync("/openapi/v1.json")).GetProperty("paths").EnumerateObject())
        {
            foreach (var method in path.Value.EnumerateObject().Select(operation => new HttpMethod(operation.Name.ToUpperInvariant())))
            {
                var existing = await IdForAsync(client, path.Name);
                var reached = 0;
                for (var i = 0; i < Requests; i++)
                {
                    var id = random.Next(2) == 0 ? existing : ids[random.Next(ids.Length)];
                    var request = new HttpRequestMessage(method, path.Name.Replace("{id}", id, StringComparison.Ordinal));
                    request.Headers.TryAddWithoutValidation(headers[random.Next(headers.Length)], values[random.Next(values.Length)]);
                    if (method == HttpMethod.Post || method == HttpMethod.Patch)
                    {
                        request.Content = new ByteArrayContent(Mutate(random, method == HttpMethod.Post ? Whole : Edit, Pieces));
                        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                    }

                    using var response = await client.SendAsync(
                        request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
                    Assert.True((int)response.StatusCode < 500, $"{response.StatusCode} for {method} {request.RequestUri}");
                    reached += response.StatusCode is not HttpStatusCode.NotFound ? 1 : 0;
                }

                Assert.True(reached > 0, $"{method} {path.Name} was never reached");
            }
        }
    }

    /// <summary>Returns the id of a resource of the kind in the path. Creates the resource unless it is a model.</summary>
    private static async Task<string> IdForAsync(HttpClient client, string path)
    {
        if (path.StartsWith("/v1/models", StringComparison.Ordinal))
        {
            return "en-cot";
        }

        if (!path.StartsWith("/v1/clips", StringComparison.Ordinal))
        {
            var takes = path.StartsWith("/v1/groups", StringComparison.Ordinal) ? 2 : 1;
            return Path.GetFileName(await client.SubmitAsync("la", $",\"takes\":{takes}"));
        }

        using var clip = new ByteArrayContent(TestWav.OfFloats(8000, 1, TestWav.Sine(8000, 440, 1)));
        clip.Headers.ContentType = new MediaTypeHeaderValue("audio/wav");
        using var created = await client.PostAsync("/v1/clips", clip, TestContext.Current.CancellationToken);
        return (await created.JsonAsync()).GetProperty("id").GetString()!;
    }

    [Fact]
    public async Task No_tool_call_causes_a_500()
    {
        const int Calls = 1000;
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var random = new Random(11);
        var problems = 0;
        for (var i = 0; i < Calls; i++)
        {
            var body = Mutate(random, ToolCall, Pieces);
            var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = content };
            request.Headers.Add("Accept", "application/json, text/event-stream");
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(
                (int)response.StatusCode < 500 && !text.Contains("internal-error", StringComparison.Ordinal),
                $"call {i}: {response.StatusCode} for {Convert.ToBase64String(body)}: {text}");
            problems += text.Contains("urn:yue:invalid-request", StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.True(problems > Calls / 20, $"only {problems} calls reached the fields");
    }

    [Fact]
    public async Task No_multipart_body_causes_a_500()
    {
        const int Requests = 1500;
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"), ("Yue:MaxBodyBytes", "4096"));
        using var client = app.CreateClient();
        var random = new Random(7);
        var seen = new Dictionary<HttpStatusCode, int>();
        for (var i = 0; i < Requests; i++)
        {
            var body = Mutate(random, Multipart, MultipartPieces);
            var content = new ByteArrayContent(body);
            content.Headers.TryAddWithoutValidation(
                "Content-Type", $"multipart/form-data; boundary={(random.Next(20) == 0 ? "\"y z\"" : "x")}");
            using var response = await client.PredictAsync(content);
            Assert.True((int)response.StatusCode < 500, $"body {i}: {response.StatusCode} for {Convert.ToBase64String(body)}");
            Assert.Contains(response.Content.Headers.ContentType?.MediaType, new[] { "application/json", "application/problem+json" });
            seen[response.StatusCode] = seen.GetValueOrDefault(response.StatusCode) + 1;
        }

        Assert.All([HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity], status => Assert.True(seen[status] > Requests / 50));
    }

    [Fact]
    public async Task No_clip_causes_a_500()
    {
        const int Requests = 500;
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var random = new Random(13);
        var clip = TestWav.OfFloats(8000, 1, TestWav.Sine(8000, 440, 1));
        var seen = new Dictionary<HttpStatusCode, int>();
        for (var i = 0; i < Requests; i++)
        {
            var bytes = clip.ToArray();
            for (var change = random.Next(4); change > 0; change--)
            {
                bytes[random.Next(4) == 0 ? random.Next(bytes.Length) : random.Next(60)] = (byte)random.Next(256);
            }

            var content = new ByteArrayContent(bytes[..(random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length)]);
            content.Headers.TryAddWithoutValidation(
                "Content-Type", new[] { "audio/wav", "application/octet-stream", "text/plain", "x", "" }[random.Next(5)]);
            using var response = await client.PostAsync("/v1/clips", content, TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode < 500, $"body {i}: {response.StatusCode} for {Convert.ToBase64String(bytes[..60])}");
            seen[response.StatusCode] = seen.GetValueOrDefault(response.StatusCode) + 1;
        }

        Assert.All(
            [HttpStatusCode.Created, HttpStatusCode.UnprocessableEntity, HttpStatusCode.UnsupportedMediaType],
            status => Assert.True(seen[status] > Requests / 20));
    }

    [Fact]
    public async Task No_query_causes_a_500()
    {
        const int Requests = 1500;
        string[] paths = ["/v1/songs", "JOB/audio", "JOB/stream", "JOB/peaks", "JOB/codes", "JOB/events", "JOB", "/v1/options",
            "/v1/clips/0", "/v1/clips/0123456789abcdef0123456789abcdef"];
        string[] names = ["track", "format", "per_second", "limit", "cursor", "q", "state", "favourite", "parent", "x"];
        string[] values = ["mix", "vocal", "wav", "pcm", "0", "1", "20", "200", "201", "-1", "1e3", "99999999999999999999", "%00", "%F0%9F",
            "%ud800", "true", "running", "'", "%27%20OR%201=1", "a%0Ab", "", "%F0%9F%8E%B5", "../x", "20&track=mix&track=x"];
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("la", ""","output":{"stems":true}""");
        await client.WhenAsync(job, "succeeded");
        var random = new Random(5);
        var seen = new Dictionary<HttpStatusCode, int>();
        for (var i = 0; i < Requests; i++)
        {
            var query = string.Join('&', Enumerable.Range(0, random.Next(4)).Select(
                _ => $"{names[random.Next(names.Length)]}={values[random.Next(values.Length)]}"));
            var path = $"{paths[random.Next(paths.Length)].Replace("JOB", job, StringComparison.Ordinal)}?{query}";
            var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation(
                new[] { "If-None-Match", "Last-Event-ID", "If-Match", "Range" }[random.Next(4)],
                new[] { "*", "\"\"", "W/\"x\"", "é", "end", "bytes=1-0", "0-0", "," }[random.Next(8)]);
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode < 500, $"{response.StatusCode} for {path}");
            seen[response.StatusCode] = seen.GetValueOrDefault(response.StatusCode) + 1;
        }

        Assert.All([HttpStatusCode.OK, HttpStatusCode.UnprocessableEntity], status => Assert.True(seen[status] > Requests / 20));
    }

    [Fact]
    public async Task Every_error_response_to_malformed_HTTP_has_problem_details()
    {
        const int Requests = 600;
        using var app = YueApp.OnSocket(("Serilog:MinimumLevel:Default", "Warning"));
        app.ConfigureServer = kestrel =>
        {
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(1);
            kestrel.Limits.MinRequestBodyDataRate = new(240, TimeSpan.FromSeconds(2));
        };
        using var client = app.CreateClient();
        var random = new Random(11);
        var requests = Enumerable.Range(0, Requests).Select(_ => Mutate(random, Http, HttpPieces)).ToList();
        var refused = 0;
        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = 50 }, async (request, _) =>
        {
            var response = await client.BaseAddress!.SendRawAsync(request);
            Assert.True(response.Status is 0 or < 500 or 505, $"{response.Status} for {Convert.ToBase64String(request)}");
            if (response.Status >= 400 && !Encoding.Latin1.GetString(request).StartsWith("HEAD", StringComparison.Ordinal))
            {
                response.Problem();
                Interlocked.Increment(ref refused);
            }
        });
        Assert.True(refused > Requests / 10, $"only {refused} were refused");
    }

    private static byte[] Mutate(Random random) => Mutate(random, Whole, Pieces);

    private static byte[] Mutate(Random random, byte[] whole, string[] pieces)
    {
        var body = whole.ToList();
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = random.Next(body.Count);
            var length = Math.Min(random.Next(1, 12), body.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    body[at] = (byte)random.Next(256);
                    break;
                case 1:
                    body.RemoveRange(at, length);
                    break;
                case 2:
                    body.InsertRange(at, body.GetRange(at, length));
                    break;
                case 3:
                    body.InsertRange(at, Encoding.UTF8.GetBytes(pieces[random.Next(pieces.Length)]));
                    break;
                default:
                    ReplaceToken(body, at, random, pieces);
                    break;
            }
        }

        return [.. body];
    }

    /// <summary>Replaces the value or name at a position with a piece, so that most bodies are still JSON.</summary>
    private static void ReplaceToken(List<byte> body, int at, Random random, string[] pieces)
    {
        ReadOnlySpan<byte> edges = "{}[],:\n "u8;
        var (start, end) = (at, at);
        while (start > 0 && !edges.Contains(body[start - 1]))
        {
            start--;
        }

        while (end < body.Count && !edges.Contains(body[end]))
        {
            end++;
        }

        var piece = random.Next(2) == 0 ? pieces[random.Next(pieces.Length)] : $"\"{pieces[random.Next(2)]}{random.Next(100)}\"";
        body.RemoveRange(start, end - start);
        body.InsertRange(start, Encoding.UTF8.GetBytes(piece));
    }
}
