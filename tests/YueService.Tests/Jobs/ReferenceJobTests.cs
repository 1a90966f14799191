using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests that the reference clip of a job is kept until the job ends.</summary>
public sealed class ReferenceJobTests : IDisposable
{
    private static readonly float[] Vocal = TestWav.Sine(16_000, 440, 3);
    private static readonly float[] Band = TestWav.Sine(16_000, 100, 3);

    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task A_queued_job_keeps_its_clip_across_a_restart_until_it_ends()
    {
        Ffmpeg.SkipWithout();
        string job;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            await client.WhenAsync(await client.SubmitAsync("first"), "running");
            job = await SubmitAsync(client, "second");
            Assert.Equal(2, Clips.Length);
            SimulateKill(app);
        }

        File.WriteAllBytes(Path.Combine(_state["references"], "00112233445566778899aabbccddeeff-0.f32"), [0, 0, 0, 0]);
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            await client.WhenAsync(job, "succeeded");
            var reference = app.Engine.Requests.Single(request => request.Lyrics == "second").Reference!;
            Assert.Equal([Vocal, Band], reference.Tracks.Select(track => track.Samples));
            Assert.Equal((1, 2.5), (reference.StartSeconds, reference.EndSeconds));
            await Eventually.TrueAsync(() => Clips.Length == 0);
        }
    }

    [Fact]
    public async Task The_clip_of_a_failed_or_cancelled_job_is_deleted()
    {
        Ffmpeg.SkipWithout();
        await using var app = App();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var running = await SubmitAsync(client, "running");
        var waiting = await SubmitAsync(client, "waiting");
        await client.WhenAsync(running, "running");
        Assert.Equal(4, Clips.Length);
        using var cancelled = await client.DeleteAsync(waiting, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => Clips.Length == 2);
        stage["running"].Fail(new SongException("no"));
        await client.WhenAsync(running, "failed");
        await Eventually.TrueAsync(() => Clips.Length == 0);
    }

    [Fact]
    public async Task A_job_whose_clip_is_missing_fails_with_that_reason()
    {
        Ffmpeg.SkipWithout();
        string job;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            await client.WhenAsync(await client.SubmitAsync("first"), "running");
            job = await SubmitAsync(client, "second");
            SimulateKill(app);
        }

        Directory.Delete(_state["references"], recursive: true);
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            var error = (await client.WhenAsync(job, "failed")).GetProperty("error");
            Assert.Contains("clip is missing", error.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_job_that_is_refused_because_the_queue_is_full_leaves_no_clip()
    {
        Ffmpeg.SkipWithout();
        await using var app = App();
        app.FillQueue();
        using var client = app.CreateClient();
        using var response = await client.PostAsync("/v1/songs", Form("la"), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Empty(Clips);
    }

    private string[] Clips => Directory.Exists(_state["references"]) ? Directory.GetFiles(_state["references"]) : [];

    private YueApp App() => new(("Yue:StateFolder", _state.Path));

    private static async Task<string> SubmitAsync(HttpClient client, string lyrics)
    {
        using var response = await client.PostAsync("/v1/songs", Form(lyrics), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, response.StatusCode);
        return response.Headers.Location!.ToString();
    }

    private static MultipartFormDataContent Form(string lyrics)
    {
        var json = $$$"""{"lyrics":"{{{lyrics}}}","reference":{"start_seconds":1,"end_seconds":2.5}}""";
        return new MultipartFormDataContent
        {
            { new StringContent(json, Encoding.UTF8, "application/json"), "request" },
            { new ByteArrayContent(TestWav.OfFloats(16_000, 1, Vocal)), "reference.vocal", "vocal.wav" },
            { new ByteArrayContent(TestWav.OfFloats(16_000, 1, Band)), "reference.instrumental", "band.wav" },
        };
    }

    /// <summary>Closes the store so that the process can no longer write, as if it had been killed.</summary>
    private static void SimulateKill(YueApp app)
    {
        app.Services.GetRequiredService<JobSignals>().Stop();
        ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
    }
}
