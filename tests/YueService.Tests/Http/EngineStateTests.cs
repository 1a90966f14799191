using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the responses when the engine cannot make a song.</summary>
public sealed class EngineStateTests : IDisposable
{
    private const string Body = """{"lyrics":"secret words"}""";
    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Theory]
    [InlineData(0.01, 1)]
    [InlineData(41.2, 42)]
    [InlineData(1e9, 86_400)]
    public async Task A_full_queue_causes_a_429_with_Retry_After_in_whole_seconds(double songSeconds, int retryAfter)
    {
        using var client = _app.CreateClient();
        var request = new JobRequest(new SongRequest { Lyrics = "la" }, null, null, []);
        using var measured = Job.Awaited(request, encoder: null, DateTimeOffset.UnixEpoch, owner: null, CancellationToken.None);
        _app.Services.GetRequiredService<JobEstimate>().Measure(measured, TimeSpan.FromSeconds(songSeconds));
        _app.FillQueue();
        using var response = await client.PredictAsync(Body);
        await response.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
        Assert.Equal(TimeSpan.FromSeconds(retryAfter), response.Headers.RetryAfter!.Delta);
    }

    [Theory]
    [InlineData(EngineState.Loading, "loading", "stage 2, 40 %")]
    [InlineData(EngineState.Failed, "failed", "GET /health says why")]
    [InlineData(EngineState.Draining, "draining", "shutting down")]
    public async Task An_engine_that_is_not_ready_causes_a_503_with_its_state(EngineState state, string name, string expected)
    {
        _app.Engine.Status = new EngineStatus { State = state, Loading = "stage 2", Percent = 40, Failure = "/secret/path is missing" };
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
        Assert.Equal(name, problem.GetProperty("state").GetString());
        Assert.Contains(expected, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.True(response.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task While_the_models_load_any_model_name_passes_validation()
    {
        _app.Engine.Status = new EngineStatus { State = EngineState.Loading };
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la","model":"en-cot"}""");
        await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
    }

    [Fact]
    public async Task A_song_that_fails_causes_a_500_without_details_and_is_logged()
    {
        _app.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(new SongException("token 9 of /secret/tensor"));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.InternalServerError, "urn:yue:song-failed");
        Assert.DoesNotContain("secret", problem.ToString(), StringComparison.Ordinal);
        Assert.Contains("/secret/tensor", _app.Log.Text, StringComparison.Ordinal);
        Assert.Contains(problem.GetProperty("trace_id").GetString()!, _app.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_device_causes_a_503()
    {
        _app.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(new EngineDeadException("CUDA error 719 in secret kernel"));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:engine-lost");
        Assert.DoesNotContain("secret", problem.ToString(), StringComparison.Ordinal);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_song_that_is_cancelled_at_shutdown_causes_a_503(bool cancelled)
    {
        _app.Engine.Sing = (_, _, _) =>
        {
            _app.Engine.Status = _app.Engine.Status with { State = EngineState.Draining };
            return cancelled
                ? Task.FromCanceled<SongResult>(new CancellationToken(canceled: true))
                : Task.FromException<SongResult>(new SongException("the service is shutting down"));
        };
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
        Assert.Equal("draining", problem.GetProperty("state").GetString());
        Assert.DoesNotContain(_app.Log.Events, e => e.Level >= LogEventLevel.Error);
    }

    [Fact]
    public async Task Lyrics_that_the_model_cannot_sing_cause_a_422_with_the_reason()
    {
        _app.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(new SongRequestException("lyrics: there are no words to sing"));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:unsingable");
        Assert.Equal("lyrics: there are no words to sing", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("/predict")]
    [InlineData("/v1/songs")]
    public async Task Lyrics_that_the_demo_model_cannot_sing_are_refused_immediately(string path)
    {
        _app.Engine.Status = _app.Engine.Status with { IsDemo = true };
        using var client = _app.CreateClient();
        using var response = await client.PostAsJsonAsync(path, new { lyrics = "[verse]\nمرحبا" }, TestContext.Current.CancellationToken);
        var problem = await response.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:unsingable");
        Assert.Contains("no vowel when written in them (mrhb)", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(_app.Engine.Requests);
    }

    [Fact]
    public async Task A_bug_causes_a_500_without_details()
    {
        _app.Engine.Sing = (_, _, _) => throw new InvalidOperationException("secret state");
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var problem = await response.ProblemAsync(HttpStatusCode.InternalServerError, "urn:yue:internal-error");
        Assert.DoesNotContain("secret", problem.ToString(), StringComparison.Ordinal);
        Assert.Contains("secret state", _app.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Lyrics_are_logged_only_if_the_setting_is_on(bool logLyrics)
    {
        using var app = new YueApp(("Yue:LogLyrics", logLyrics.ToString()));
        using var client = app.CreateClient();
        using var song = await client.PredictAsync(Body);
        await song.SongAsync();
        using var refused = await client.PredictAsync("""{"lyrics":["secret words"]}""");
        await refused.FieldErrorsAsync();
        Assert.Equal(logLyrics, app.Log.Text.Contains("secret words", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_request_log_has_the_trace_id_of_the_response()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Body);
        var traceId = (await response.SongAsync()).GetProperty("metadata").GetProperty("trace_id").GetString();
        await Eventually.TrueAsync(() => _app.Log.Events.Any(e =>
            e.MessageTemplate.Text.StartsWith("HTTP {RequestMethod}", StringComparison.Ordinal)
            && e.Level == LogEventLevel.Information && e.TraceId?.ToHexString() == traceId));
    }

    [Fact]
    public async Task Without_ffmpeg_a_format_that_needs_it_is_refused_before_the_song_is_made()
    {
        _app.Encoder.HasFfmpeg = false;
        using var client = _app.CreateClient();
        await Eventually.TrueAsync(
            () => _app.Log.Text.Contains("Warning ffmpeg was not found: only wav can be written", StringComparison.Ordinal));
        using var requested = await client.PredictAsync("""{"lyrics":"la","output":{"format":"mp3"}}""");
        var problem = await requested.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:format-unavailable");
        Assert.Contains("ffmpeg", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var accepted = await client.PredictAsync(Body, request => request.Headers.Accept.ParseAdd("audio/flac"));
        await accepted.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:format-unavailable");
        Assert.Empty(_app.Engine.Requests);
    }
}
