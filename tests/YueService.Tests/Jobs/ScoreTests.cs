using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests songs made with a model that writes scores and makes stereo sound.</summary>
public sealed class ScoreTests : IDisposable
{
    private const string Score = "X:1\nK:C\nCDEF|";
    private const string Stereo = ",\"model\":\"yue2\"";

    private readonly YueApp _app = YueApp.OnSocket();
    private readonly HttpClient _client;
    private readonly TaskCompletionSource _finish = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ScoreTests()
    {
        _client = _app.CreateClient();
        _app.Engine.Status = _app.Engine.Status with { SongModels = [new("yue2", ModelFamilies.Descriptions[1])] };
        _app.Engine.Sing = SingAsync;
    }

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task The_score_is_sent_before_the_music_and_is_in_the_finished_job()
    {
        var job = await _client.SubmitAsync("la", Stereo);
        await _client.WhenAsync(job, "running");
        using var early = await EventStream.OpenAsync(_client, job);
        var events = new List<(string Id, string Name, JsonElement Data)> { (await early.NextAsync())!.Value };
        while (events[^1].Name != "score")
        {
            events.Add((await early.NextAsync())!.Value);
        }

        Assert.Equal(Score, events[^1].Data.GetProperty("score").GetString());
        Assert.Equal(Score, (await _client.GetJsonAsync(job)).GetProperty("score").GetString());
        Assert.False((await _client.GetJsonAsync("/v1/songs")).GetProperty("songs")[0].TryGetProperty("score", out _));
        using var late = await EventStream.OpenAsync(_client, job);
        _finish.SetResult();
        events.AddRange(await early.RestAsync());
        Assert.Single(events, e => e.Name == "score");
        Assert.Equal(["score", "music", "decode"], events.Where(e => e.Name == "running").Select(StageOf).Distinct());
        Assert.True(events.FindIndex(e => e.Name == "score") < events.FindIndex(e => e.Name == "running" && StageOf(e) == "music"));
        Assert.Single(await late.RestAsync(), e => e.Name == "score");

        var song = (await _client.WhenAsync(job, "succeeded")).GetProperty("song");
        Assert.Equal(Score, song.GetProperty("score").GetString());
        Assert.Equal((2, 48_000), (song.GetProperty("channels").GetInt32(), song.GetProperty("sample_rate").GetInt32()));
        var request = (await _client.GetJsonAsync(job)).GetProperty("request");
        Assert.Equal(JsonValueKind.Null, request.GetProperty("max_new_tokens").ValueKind);
        using var again = await _client.PostSongAsync(request.GetRawText());
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
    }

    [Fact]
    public async Task A_stereo_song_is_streamed_and_downloaded_in_stereo()
    {
        _finish.SetResult();
        var job = await _client.SubmitAsync("la", Stereo);
        await _client.WhenAsync(job, "succeeded");
        using var pcm = await _client.GetAsync($"{job}/stream?format=pcm", TestContext.Current.CancellationToken);
        Assert.Equal(["48000"], pcm.Headers.GetValues("X-Yue-Sample-Rate"));
        Assert.Equal(["2"], pcm.Headers.GetValues("X-Yue-Channels"));
        Assert.Equal(4 * 4800, (await pcm.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
        var wav = WavFile.Parse(await _client.GetByteArrayAsync($"{job}/audio", TestContext.Current.CancellationToken));
        Assert.Equal((2, 48_000, 9600), (wav.Channels, wav.SampleRateHz, wav.Interleaved.Length));
        Assert.Equal(0.1, (await _client.GetJsonAsync($"{job}/peaks")).GetProperty("seconds").GetDouble());

        using var codes = await _client.GetAsync($"{job}/codes", TestContext.Current.CancellationToken);
        Assert.Contains("has none", (await codes.JsonAsync()).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_score_alone_has_no_track()
    {
        _finish.SetResult();
        var job = await _client.SubmitAsync("la", Stereo + ",\"stage\":\"score\"");
        var song = (await _client.WhenAsync(job, "succeeded")).GetProperty("song");
        Assert.Equal(("score", Score, 0), (
            song.GetProperty("stage").GetString(), song.GetProperty("score").GetString(), song.GetProperty("tracks").GetArrayLength()));
        using var audio = await _client.GetAsync($"{job}/audio", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, audio.StatusCode);

        const string Body = """{"lyrics":"la","stage":"score"}""";
        using var json = await _client.PredictAsync(Body);
        var response = await json.SongAsync();
        Assert.Equal((Score, ""), (response.GetProperty("score").GetString(), response.GetProperty("audio_base64").GetString()));
        using var file = await _client.PredictAsync(
            Body, request => request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("audio/wav")));
        Assert.Equal(["stage"], (await file.FieldErrorsAsync()).Keys);
    }

    [Theory]
    [InlineData("audio")]
    [InlineData("stream")]
    [InlineData("peaks")]
    public async Task A_score_alone_has_no_sound_while_it_is_being_written_or_afterwards(string sound)
    {
        var job = await _client.SubmitAsync("la", Stereo + ",\"stage\":\"score\"");
        await _client.WhenAsync(job, "running");
        await AssertNoSoundAsync();
        _finish.SetResult();
        await _client.WhenAsync(job, "succeeded");
        await AssertNoSoundAsync();

        async Task AssertNoSoundAsync()
        {
            using var response = await _client.GetAsync($"{job}/{sound}", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            Assert.Contains(
                "only a score", (await response.JsonAsync()).GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_model_is_listed_with_its_capabilities_license_and_stages()
    {
        var model = (await _client.GetJsonAsync("/v1/models/yue2"));
        Assert.Equal("yue2", model.GetProperty("family").GetString());
        Assert.Equal(["score", "instrumental", "early_sound"], model.GetProperty("capabilities").Strings());
        Assert.Equal("CC-BY-NC-4.0", model.GetProperty("licence").GetProperty("name").GetString());
        var option = (await _client.GetJsonAsync("/v1/options")).GetProperty("models")[0];
        Assert.Equal(["full", "score"], option.GetProperty("stages").Strings());
    }

    private async Task<SongResult> SingAsync(SongRequest request, IProgress<SongProgress>? progress, CancellationToken cancel)
    {
        progress?.Report(new(SongStage.Score, 0, 0, 5, 100, 0.1));
        progress?.Report(new(SongStage.Music, 0, 0, 0, 100, 0.2) { Score = Score });
        await _finish.Task.WaitAsync(cancel);
        progress?.Report(new(SongStage.Decode, 0, 0, 50, 100, 0.9) { Score = Score });
        return FakeSongEngine.Song(request) with
        {
            Mix = new AudioClip(request.Scope == SongScope.Score ? [] : new float[2 * 4800], 48_000, Channels: 2),
            Score = Score,
            Sections = [],
            Codes = new("yue2", []),
        };
    }

    private static string? StageOf((string Id, string Name, JsonElement Data) e) =>
        e.Data.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress ? progress.GetProperty("stage").GetString() : null;
}
