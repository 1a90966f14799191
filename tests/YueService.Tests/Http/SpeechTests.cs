using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the endpoints for OpenAI-style clients.</summary>
public sealed class SpeechTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public SpeechTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Theory]
    [InlineData("", "audio/wav", "RIFF")]
    [InlineData(""","response_format":"wav" """, "audio/wav", "RIFF")]
    [InlineData(""","response_format":"flac" """, "audio/flac", "flac")]
    [InlineData(""","response_format":"mp3" """, "audio/mpeg", "mp3")]
    public async Task The_response_is_the_file(string moreFields, string mediaType, string prefix)
    {
        using var response = await SpeakAsync(
            $$"""{"model":"en-icl","input":"[verse]\nla","instructions":"folk","voice":"alloy","seed":-3{{moreFields}}}""");
        Assert.Equal((HttpStatusCode.OK, mediaType), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.StartsWith(
            prefix, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(
            new SongRequest { Lyrics = "[verse]\nla", Genre = "folk", Model = "en-icl", Seed = -3, RunNSegments = 0 },
            Assert.Single(_app.Engine.Requests));
        Assert.Contains("voice was ignored", response.Headers.GetValues("X-Yue-Warnings").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_use_the_field_names_of_the_client()
    {
        using var response = await SpeakAsync("""{"model":"tts-1","input":" ","instructions":3,"response_format":"ogg","seed":"x"}""");
        Assert.Equal(
            ["input", "instructions", "model", "response_format", "seed"],
            (await response.FieldErrorsAsync()).Keys.Order(StringComparer.Ordinal));
        using var empty = await SpeakAsync("{}");
        Assert.Equal(["input"], (await empty.FieldErrorsAsync()).Keys);
    }

    [Theory]
    [InlineData("wav", "audio/wav")]
    [InlineData("pcm", "audio/pcm")]
    [InlineData("flac", "audio/flac")]
    [InlineData("mp3", "audio/mpeg")]
    [InlineData("opus", "audio/ogg")]
    [InlineData("aac", "audio/aac")]
    public async Task With_stream_format_audio_the_sound_is_sent_while_it_is_being_made(string format, string mediaType)
    {
        if (format is not ("wav" or "pcm"))
        {
            Ffmpeg.SkipWithout();
        }

        var stage = new StagedEngine(_app.Engine);
        var pending = StreamAsync($$"""{"input":"la","response_format":"{{format}}","stream_format":"audio"}""");
        await stage["la"].Started.Task.InTime();
        var listener = _app.Engine.Listeners["la"];
        var sound = new float[3 * 44_100];
        listener.Hear(new(0, 44_100, sound, null, null, IsEnd: false));
        using var response = await pending.InTime();
        Assert.Equal(mediaType, response.Content.Headers.ContentType!.MediaType);
        listener.Hear(new(sound.Length, 44_100, sound, null, null, IsEnd: true));
        stage["la"].Finish();
        var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        if (format is "pcm" or "aac")
        {
            // The service cannot decode these two formats.
            Assert.True(format == "aac" ? bytes[0] == 0xFF : bytes.Length == 4 * sound.Length);
            return;
        }

        var (decoded, fault, _) = await new AudioDecoder().DecodeAsync(bytes, 0, 60, TestContext.Current.CancellationToken);
        Assert.True(decoded is not null, fault);
        Assert.InRange(decoded.DurationSeconds, 5.9, 6.2);
    }

    [Fact]
    public async Task With_stream_format_sse_the_sound_is_sent_in_events()
    {
        var stage = new StagedEngine(_app.Engine);
        var pending = StreamAsync("""{"input":"la","response_format":"pcm","stream_format":"sse"}""");
        await stage["la"].Started.Task.InTime();
        float[] first = [0.5f, -0.5f], second = [0.25f];
        _app.Engine.Listeners["la"].Hear(new(0, 44_100, first, null, null, IsEnd: false));
        using var response = await pending.InTime();
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        _app.Engine.Listeners["la"].Hear(new(2, 44_100, second, null, null, IsEnd: true));
        stage["la"].Finish();
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\n')).ToArray();
        Assert.Equal(
            ["event: speech.audio.delta", "event: speech.audio.delta", "event: speech.audio.done"], events.Select(lines => lines[0]));
        var data = events.Select(lines => JsonDocument.Parse(lines[1]["data: ".Length..]).RootElement).ToArray();
        Assert.Equal(WavFile.ToPcm(first), data[0].GetProperty("audio").GetBytesFromBase64());
        Assert.Equal(WavFile.ToPcm(second), data[1].GetProperty("audio").GetBytesFromBase64());
        Assert.Equal(10, data[2].GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Theory]
    [InlineData("opus")]
    [InlineData("aac")]
    [InlineData("pcm")]
    public async Task Formats_that_exist_only_as_streams_are_always_streamed(string format)
    {
        if (format != "pcm")
        {
            Ffmpeg.SkipWithout();
        }

        using var response = await SpeakAsync($$"""{"input":"la","response_format":"{{format}}"}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_full_queue_causes_a_429()
    {
        _app.FillQueue();
        using var response = await SpeakAsync("""{"input":"la"}""");
        await response.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
    }

    [Theory]
    [InlineData("Bearer no", "/v1/audio/speech", "{}", 401, "authentication_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "{", 400, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "{}", 422, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", null, 405, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/models/tts-1", null, 404, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/chat/completions", "{}", 404, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "text", 415, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "full", 429, "rate_limit_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "bug", 500, "server_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "loading", 503, "server_error")]
    public async Task Errors_also_have_the_OpenAI_format(string key, string path, string? body, int status, string type)
    {
        using var app = new YueApp(("Yue:ApiKey", "k"));
        using var client = app.CreateClient();
        _ = body == "full" ? app.FillQueue() : 0;
        app.Engine.Status = body == "loading" ? app.Engine.Status with { State = EngineState.Loading } : app.Engine.Status;
        app.Engine.Sing = (_, _, _) => throw new InvalidOperationException("a bug");
        using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, path);
        request.Headers.TryAddWithoutValidation("Authorization", key);
        if (body is not null)
        {
            var json = body.StartsWith('{') ? body : """{"input":"la"}""";
            request.Content = new StringContent(json, Encoding.UTF8, body == "text" ? "text/plain" : "application/json");
        }

        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var problem = await response.JsonAsync();
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var error = problem.GetProperty("error");
        Assert.Equal(
            (problem.GetProperty("detail").GetString(), type, problem.GetProperty("type").GetString()),
            (error.GetProperty("message").GetString(), error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task Errors_on_other_paths_have_only_problem_details()
    {
        using var response = await _client.PredictAsync("{}");
        Assert.False((await response.JsonAsync()).TryGetProperty("error", out _));
    }

    private Task<HttpResponseMessage> StreamAsync(string json)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/audio/speech")
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        return _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    private Task<HttpResponseMessage> SpeakAsync(string json) => _client.PostAsync(
        "/v1/audio/speech", new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
