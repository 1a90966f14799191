using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;
using Yue.Engine.Audio;
using YueService.Client;
using YueService.Tests.Fakes;

namespace YueService.Tests.EndToEnd;

public sealed partial class DemoServiceTests(DemoProcess demo) : IClassFixture<DemoProcess>
{
    [Fact]
    public async Task Lyrics_become_a_playable_song_that_is_the_same_for_the_same_seed()
    {
        var first = await SingAsync(seed: 7);
        var again = await SingAsync(seed: 7);
        var other = await SingAsync(seed: 8);

        var sound = WavFile.Parse(first);
        Assert.Equal(44_100, sound.SampleRateHz);
        Assert.Equal(44_100, sound.Interleaved.Length);
        Assert.InRange(sound.Interleaved.Max(Math.Abs), 0.01f, 1f);
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public async Task The_client_package_makes_a_song_and_reads_a_422_response()
    {
        var yue = new YueClient(demo.Client);
        var cancel = TestContext.Current.CancellationToken;
        var job = await yue.CreateSongAsync(new() { Lyrics = "[verse]\nla la", MaxNewTokens = 100, Seed = 7 }, cancellationToken: cancel);
        var song = await yue.WaitForSongAsync(job.Id, cancellationToken: cancel);
        using var audio = await yue.GetSongAudioAsync(song.Id, cancellationToken: cancel);
        using var sound = new MemoryStream();
        await audio.Stream.CopyToAsync(sound, cancel);
        Assert.Equal(JobState.Succeeded, song.State);
        Assert.Equal(44_100, WavFile.Parse(sound.ToArray()).Interleaved.Length);

        var refused = await Assert.ThrowsAsync<YueException<Problem>>(
            () => yue.CreateSongAsync(new() { Lyrics = "[verse]\nla", MaxNewTokens = 1 }, cancellationToken: cancel));
        Assert.Equal(["max_new_tokens"], refused.Result.Errors!.Keys);
    }

    [Fact]
    public async Task A_client_of_the_old_service_gets_a_response_with_the_old_keys()
    {
        using var response = await demo.Client.PostAsJsonAsync(
            "/predict",
            new { lyrics = "[verse]\nla la", genre = "Pop", max_new_tokens = 100, run_n_segments = 1, seed = 42, client_job_id = "job-1" });
        var song = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal("success", song.GetProperty("status").GetString());
        Assert.Equal("wav", song.GetProperty("format").GetString());
        Assert.Equal("job-1", song.GetProperty("metadata").GetProperty("client_job_id").GetString());
        Assert.Equal(JsonValueKind.Null, song.GetProperty("error").ValueKind);
        Assert.Equal("demo", song.GetProperty("model").GetString());
        Assert.Equal(44_100, WavFile.Parse(song.GetProperty("audio_base64").GetBytesFromBase64()).Interleaved.Length);
    }

    [Fact]
    public async Task Finishing_a_draft_by_its_id_gives_the_samples_of_the_full_song()
    {
        var full = await SingAsync(seed: 9);
        using var draft = await demo.Client.PostAsJsonAsync(
            "/v1/songs", new { lyrics = "[verse]\nla la", max_new_tokens = 100, seed = 9, stage = "draft" });
        var id = (await draft.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        await demo.Client.WhenAsync($"/v1/songs/{id}", "succeeded");
        var rough = WavFile.Parse(await demo.Client.GetByteArrayAsync($"/v1/songs/{id}/audio", TestContext.Current.CancellationToken));
        Assert.Equal((16_000, 16_000), (rough.SampleRateHz, rough.Interleaved.Length));

        using var finished = await demo.Client.PostAsJsonAsync("/predict", new { continue_from = id, stage = "finish" });
        var song = await finished.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(
            WavFile.Parse(full).Interleaved, WavFile.Parse(song.GetProperty("audio_base64").GetBytesFromBase64()).Interleaved);
    }

    [Fact]
    public async Task Health_says_that_the_demo_model_is_running()
    {
        var health = await demo.Client.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("ok", health.GetProperty("status").GetString());
        Assert.True(health.GetProperty("demo").GetBoolean());
    }

    [Fact]
    public async Task A_caller_that_disconnects_frees_the_engine()
    {
        using var leave = new CancellationTokenSource();
        var song = demo.Client.PostAsJsonAsync("/predict", new { lyrics = "[verse]\nla", max_new_tokens = 10_000 }, leave.Token);
        await UntilRunningAsync(1);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song);
        await UntilRunningAsync(0);
        await Eventually.TrueAsync(async () => CancelledSong().IsMatch(await demo.Client.GetStringAsync("/metrics")));
    }

    [Fact]
    public async Task A_second_program_on_the_same_port_reports_the_conflict_and_exits()
    {
        var url = demo.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);
        var (exitCode, printed) = await DemoProcess.RunAsync("serve", "--urls", url);
        Assert.Equal(1, exitCode);
        var line = Assert.Single(printed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"{url}: address already in use", line, StringComparison.Ordinal);
        Assert.Contains("--urls", line, StringComparison.Ordinal);
    }

    /// <summary>The home folder is empty, because otherwise the service would use a developer certificate from it.</summary>
    [Fact]
    public async Task HTTPS_without_a_certificate_is_reported_in_one_line()
    {
        var (exitCode, printed) = await DemoProcess.RunAsync("serve", "--urls", "https://127.0.0.1:0");
        Assert.Equal(1, exitCode);
        var line = Assert.Single(printed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("https://127.0.0.1:0: Unable to configure HTTPS endpoint", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_ends_the_program_cleanly()
    {
        var own = new DemoProcess();
        await using (own)
        {
            await own.InitializeAsync();
            Assert.Equal(0, await own.TerminateAsync());
        }
    }

    private async Task<byte[]> SingAsync(int seed)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict")
        {
            Content = JsonContent.Create(new { lyrics = "[verse]\nla la", max_new_tokens = 100, seed }),
        };
        request.Headers.Accept.ParseAdd("audio/wav");
        using var response = await demo.Client.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsByteArrayAsync();
    }

    private Task UntilRunningAsync(int count) => Eventually.TrueAsync(
        async () =>
            (await demo.Client.GetFromJsonAsync<JsonElement>("/health")).GetProperty("queue").GetProperty("running").GetInt32() == count);

    [GeneratedRegex("""^yue_songs_total\{[^}]*yue_outcome="cancelled"[^}]*\} 1$""", RegexOptions.Multiline)]
    private static partial Regex CancelledSong();
}
