using System.Net;
using System.Text.Json;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class AcceptTests : IDisposable
{
    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Fact]
    public async Task Audio_wav_returns_the_file_itself_with_the_metadata_in_headers()
    {
        _app.Engine.Sing = (request, _, _) => Task.FromResult(FakeSongEngine.Song(request, "tag «coda» was taken for [outro]"));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","seed":5,"client_job_id":"j1"}""", request => request.Headers.Accept.ParseAdd("audio/wav"));
        var file = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("audio/wav", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("RIFF"u8, file.AsSpan(0, 4));
        Assert.Equal(file.Length, response.Content.Headers.ContentLength);
        Assert.Equal("song.wav", response.Content.Headers.ContentDisposition?.FileName);
        Assert.Equal("5", Header("X-Yue-Seed"));
        Assert.Equal("en-cot", Header("X-Yue-Model"));
        Assert.Equal("44100", Header("X-Yue-Sample-Rate"));
        Assert.Equal("0.1", Header("X-Yue-Duration-Seconds"));
        Assert.Equal("j1", Header("X-Yue-Client-Job-Id"));
        Assert.Matches("^[0-9a-f]{32}$", Header("X-Yue-Trace-Id"));
        Assert.Equal(["verse;0.06", "chorus;0.04"], JsonSerializer.Deserialize<string[]>(Header("X-Yue-Sections"))!);
        Assert.Equal("1", Header("X-Yue-Warning-Count"));
        Assert.Equal(["tag «coda» was taken for [outro]"], JsonSerializer.Deserialize<string[]>(Header("X-Yue-Warnings"))!);
        Assert.Contains("stage1;dur=1000.0", Header("Server-Timing"), StringComparison.Ordinal);
        Assert.All(response.Headers.SelectMany(header => header.Value), value => Assert.True(value.All(char.IsAscii), value));

        string Header(string name) => Assert.Single(response.Headers.GetValues(name));
    }

    [Theory]
    [InlineData("audio/flac", "audio/flac", "flac")]
    [InlineData("audio/mpeg", "audio/mpeg", "mp3")]
    [InlineData("audio/x-wav", "audio/wav", "RIFF")]
    [InlineData("audio/*", "audio/flac", "flac")]
    [InlineData("audio/mpeg;q=0.5, audio/flac", "audio/flac", "flac")]
    [InlineData("text/html, audio/mpeg, */*", "audio/mpeg", "mp3")]
    public async Task Other_audio_types_also_return_the_file_itself(string accept, string mediaType, string prefix)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","output":{"format":"flac"}}""", request => request.Headers.TryAddWithoutValidation("Accept", accept));
        Assert.Equal(mediaType, response.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith(
            prefix, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("*/*")]
    [InlineData("application/json, text/plain, */*")]
    [InlineData("application/json, audio/wav")]
    [InlineData("audio/wav;q=0.1, application/*;q=0.2")]
    [InlineData("audio/wav;q=0, */*")]
    [InlineData("not a media type")]
    public async Task JSON_is_returned_if_audio_is_not_preferred(string accept)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","output":{"format":"mp3"}}""", request => request.Headers.TryAddWithoutValidation("Accept", accept));
        var song = await response.SongAsync();
        Assert.Equal("mp3", song.GetProperty("format").GetString());
        Assert.Equal("mp3"u8, song.GetProperty("audio_base64").GetBytesFromBase64());
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("audio/ogg")]
    [InlineData("audio/wav;q=0")]
    public async Task An_unsupported_response_type_causes_a_406_before_the_song_is_made(string accept)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la"}""", request => request.Headers.TryAddWithoutValidation("Accept", accept));
        await response.ProblemAsync(HttpStatusCode.NotAcceptable, "urn:yue:not-acceptable");
        Assert.Empty(_app.Engine.Requests);
    }

    [Fact]
    public async Task A_file_response_warns_about_missing_stems_and_a_different_format()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","output":{"format":"flac","stems":true}}""", request => request.Headers.Accept.ParseAdd("audio/wav"));
        var warnings = JsonSerializer.Deserialize<string[]>(Assert.Single(response.Headers.GetValues("X-Yue-Warnings")))!;
        Assert.Equal(["output.stems", "output.format"], warnings.Select(warning => warning.Split(' ')[0]));
    }

    [Fact]
    public async Task Many_warnings_do_not_break_the_headers()
    {
        _app.Engine.Sing = (request, _, _) => Task.FromResult(
            FakeSongEngine.Song(request, [.. Enumerable.Range(0, 500).Select(i => $"warning «{i}» {new string('x', 90)}")]));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la"}""", request => request.Headers.Accept.ParseAdd("audio/wav"));
        Assert.Equal(["500"], response.Headers.GetValues("X-Yue-Warning-Count"));
        var header = Assert.Single(response.Headers.GetValues("X-Yue-Warnings"));
        Assert.InRange(header.Length, 1000, 2048);
        Assert.StartsWith("warning «0»", JsonSerializer.Deserialize<string[]>(header)![0], StringComparison.Ordinal);
    }
}
