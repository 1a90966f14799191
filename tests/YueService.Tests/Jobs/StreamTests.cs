using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests streams of songs that are being made.</summary>
public sealed class StreamTests : IDisposable
{
    private const int Rate = 44_100;
    private readonly YueApp _app = YueApp.OnSocket();
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public StreamTests()
    {
        _stage = new(_app.Engine);
        _client = _app.CreateClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_listener_hears_sound_before_the_song_is_finished_and_then_the_rest()
    {
        var job = await RunAsync("one");
        Assert.Equal(0, (await _client.GetJsonAsync(job)).GetProperty("audible_seconds").GetDouble());
        var response = OpenAsync(job);
        Assert.False(response.IsCompleted);

        Hear("one", 0, 1000);
        using var stream = await response.InTime();
        Assert.Equal(("audio/wav", null), (stream.Content.Headers.ContentType!.MediaType, stream.Content.Headers.ContentLength));
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var header = await ReadAsync(content, 44);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], header[4..8]);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], header[40..44]);
        Assert.Equal(WavFile.ToPcm(Samples(0, 1000)), await ReadAsync(content, 2000));
        Assert.Equal("running", await _client.StateAsync(job));
        Assert.Equal(0.02, (await _client.GetJsonAsync(job)).GetProperty("audible_seconds").GetDouble());

        Hear("one", 1000, 500, isEnd: true);
        Assert.Equal(WavFile.ToPcm(Samples(1000, 500)), await RestAsync(content));
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
    }

    [Fact]
    public async Task A_thousand_listeners_all_hear_the_song_from_the_beginning()
    {
        var job = await RunAsync("one");
        Hear("one", 0, 1000);
        var listeners = Enumerable.Range(0, 1000).Select(_ => _client.GetByteArrayAsync(
            $"{job}/stream?format=pcm", TestContext.Current.CancellationToken)).ToArray();
        Hear("one", 1000, 1000);
        Hear("one", 2000, 10, isEnd: true);
        var expected = WavFile.ToPcm(Samples(0, 2010));
        foreach (var heard in listeners)
        {
            Assert.Equal(expected, await heard);
        }
    }

    [Theory]
    [InlineData("waiting")]
    [InlineData("running")]
    [InlineData("has sound")]
    [InlineData("partly read")]
    [InlineData("complete")]
    public async Task A_listener_who_leaves_does_not_affect_the_song_or_other_listeners(string point)
    {
        var first = await RunAsync("first");
        var job = await _client.SubmitAsync("one");
        var sound = _app.Services.GetRequiredService<JobWorker>().Find(Path.GetFileName(job))!.Sound!;
        using var caller = new CancellationTokenSource();
        var leaving = _client.GetAsync($"{job}/stream?format=pcm", HttpCompletionOption.ResponseHeadersRead, caller.Token);
        await Eventually.TrueAsync(() => sound.IsListening);
        await LeaveAtAsync("waiting");
        _stage["first"].Finish();
        await _client.WhenAsync(job, "running");
        await LeaveAtAsync("running");
        Hear("one", 0, 1000);
        await LeaveAtAsync("has sound");
        if (point == "partly read")
        {
            await using var content = await (await leaving.InTime()).Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            await ReadAsync(content, 100);
            await LeaveAtAsync("partly read");
        }

        var staying = _client.GetByteArrayAsync($"{job}/stream?format=pcm", TestContext.Current.CancellationToken);
        Hear("one", 1000, 500, isEnd: true);
        await LeaveAtAsync("complete");
        Assert.Equal(WavFile.ToPcm(Samples(0, 1500)), await staying);
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        await _client.WhenAsync(first, "succeeded");
        Assert.DoesNotContain(_app.Log.Events, e => e.Level >= Serilog.Events.LogEventLevel.Error);

        async Task LeaveAtAsync(string here)
        {
            if (here == point)
            {
                await caller.CancelAsync();
                await Task.WhenAny(leaving);
                if (leaving.IsCompletedSuccessfully)
                {
                    (await leaving).Dispose();
                }

                await Eventually.TrueAsync(() => !sound.IsListening);
            }
        }
    }

    [Fact]
    public async Task Listeners_who_do_not_read_share_the_memory_of_one_song()
    {
        const int Listeners = 60;
        const int Seconds = 60;
        var job = await RunAsync("one");
        Hear("one", 0, 100);
        var slow = await Task.WhenAll(Enumerable.Range(0, Listeners).Select(_ => OpenAsync(job, "pcm"))).InTime();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Seconds; i++)
        {
            Hear("one", 100 + (i * Rate), Rate, isEnd: i == Seconds - 1);
        }

        // A listener that reads is not delayed by the others and receives all of the sound.
        var heard = await _client.GetByteArrayAsync($"{job}/stream?format=pcm", TestContext.Current.CancellationToken);
        var songBytes = sizeof(short) * (100 + (Seconds * Rate));
        Assert.Equal(songBytes, heard.Length);
        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(taken < Listeners / 4 * songBytes, $"{taken >> 20} MiB for a song of {songBytes >> 20} MiB");

        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        Array.ForEach(slow, response => response.Dispose());
    }

    [Fact]
    public async Task A_silent_introduction_is_streamed_like_other_sound()
    {
        var job = await RunAsync("one");
        var response = OpenAsync(job, "pcm");
        _app.Engine.Listeners["one"].Hear(new(0, Rate, new float[1000], null, null, IsEnd: false));
        using var stream = await response.InTime();
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.Equal(new byte[2000], await ReadAsync(content, 2000));
        Hear("one", 1000, 10, isEnd: true);
        Assert.Equal(WavFile.ToPcm(Samples(1000, 10)), await RestAsync(content));
    }

    [Fact]
    public async Task The_engine_sees_listeners_and_playback_positions()
    {
        var job = await RunAsync("one");
        var listener = _app.Engine.Listeners["one"];
        Assert.False(listener.IsListening);
        using (var response = await OpenWithSoundAsync(job))
        {
            Assert.True(listener.IsListening);
            await Eventually.TrueAsync(() => listener.PlayedSeconds > 0);
        }

        await Eventually.TrueAsync(() => !listener.IsListening);
    }

    [Fact]
    public async Task A_waiting_song_plays_as_soon_as_it_has_sound()
    {
        await RunAsync("first");
        var second = await _client.SubmitAsync("second");
        var response = OpenAsync(second);
        _stage["first"].Finish();
        await _stage["second"].Started.Task.InTime();
        Hear("second", 0, 100, isEnd: true);
        using var stream = await response.InTime();
        Assert.Equal(44 + 200, (await stream.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task Stems_are_streamed_if_the_song_was_requested_with_stems()
    {
        var job = await RunAsync("one", ""","output":{"stems":true}""");
        Hear("one", 0, 100, isEnd: true);
        foreach (var (track, gain) in new[] { ("vocal", 0.5f), ("instrumental", 0.25f) })
        {
            var heard = await _client.GetByteArrayAsync($"{job}/stream?track={track}&format=pcm", TestContext.Current.CancellationToken);
            Assert.Equal(WavFile.ToPcm(Array.ConvertAll(Samples(0, 100), sample => sample * gain)), heard);
        }

        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        var plain = await RunAsync("two");
        using var none = await _client.GetAsync($"{plain}/stream?track=vocal", TestContext.Current.CancellationToken);
        await none.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData("wav")]
    [InlineData("pcm")]
    public async Task A_finished_song_is_streamed_from_its_file(string format)
    {
        _stage.RunsFreely = true;
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "succeeded");
        var file = await _client.GetByteArrayAsync($"{job}/audio", TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _app.Services.GetRequiredService<JobWorker>().Find(Path.GetFileName(job)) is null);
        var heard = await _client.GetByteArrayAsync($"{job}/stream?format={format}", TestContext.Current.CancellationToken);
        Assert.Equal(file[44..], format == "wav" ? heard[44..] : heard);
    }

    [Theory]
    [InlineData("mp3", "audio/mpeg")]
    [InlineData("opus", "audio/ogg")]
    public async Task Encoded_streams_start_before_the_song_is_finished_and_can_be_decoded(string format, string mediaType)
    {
        Ffmpeg.SkipWithout();
        var job = await RunAsync("one");
        var response = OpenAsync(job, format);
        Hear("one", 0, 3 * Rate);
        using var stream = await response.InTime();
        Assert.Equal(mediaType, stream.Content.Headers.ContentType!.MediaType);
        Assert.Equal("running", await _client.StateAsync(job));
        Hear("one", 3 * Rate, Rate, isEnd: true);
        var bytes = await stream.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        var (sound, fault, _) = await new AudioDecoder().DecodeAsync(bytes, 0, 60, TestContext.Current.CancellationToken);
        Assert.True(sound is not null, fault);
        Assert.InRange(sound.DurationSeconds, 3.9, 4.2);
        Assert.Equal(bytes, await _client.GetByteArrayAsync($"{job}/stream?format={format}", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_song_that_fails_after_its_first_sound_aborts_the_stream()
    {
        var job = await RunAsync("one");
        using var stream = await OpenWithSoundAsync(job);
        _stage["one"].Fail(new SongException("no"));
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<Exception>(() => RestAsync(content));
        await _client.WhenAsync(job, "failed");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_song_that_ends_before_its_first_sound_causes_a_409(bool cancelled)
    {
        var job = await RunAsync("one");
        var response = OpenAsync(job);
        if (cancelled)
        {
            using var deleted = await _client.DeleteAsync(job, TestContext.Current.CancellationToken);
        }
        else
        {
            _stage["one"].Fail(new SongException("no"));
        }

        using var ended = await response.InTime();
        await ended.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-song-yet");
        using var later = await _client.GetAsync($"{job}/stream", TestContext.Current.CancellationToken);
        await later.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-song-yet");
    }

    [Fact]
    public async Task Stopping_the_service_aborts_streams()
    {
        var job = await RunAsync("one");
        using var stream = await OpenWithSoundAsync(job);
        _app.Engine.Drain = _ =>
        {
            _stage["one"].Fail(new SongException("the service is shutting down"));
            return Task.CompletedTask;
        };
        var host = _app.Services.GetRequiredService<IHost>();
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var stop = host.StopAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<Exception>(() => RestAsync(content));
        await stop;
    }

    [Fact]
    public async Task A_predict_caller_hears_the_song_while_it_is_being_made()
    {
        var response = PredictAsync(
            """{"lyrics":"one","stream":true,"seed":9,"return_codes":true,"output":{"stems":true}}""", "audio/wav");
        await _stage["one"].Started.Task.InTime();
        Hear("one", 0, 1000);
        using var stream = await response.InTime();
        Assert.Equal("audio/wav", stream.Content.Headers.ContentType!.MediaType);
        Assert.Equal(["9"], stream.Headers.GetValues("X-Yue-Seed"));
        Assert.Equal(["2"], stream.Headers.GetValues("X-Yue-Warning-Count"));
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.Equal(WavFile.ToPcm(Samples(0, 1000)), (await ReadAsync(content, 2044))[44..]);
        Hear("one", 1000, 10, isEnd: true);
        Assert.Equal(WavFile.ToPcm(Samples(1000, 10)), await RestAsync(content));
        Assert.Equal(0, (await _client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/json")]
    [InlineData("audio/flac")]
    public async Task A_format_that_cannot_be_streamed_causes_a_422(string? accept)
    {
        Assert.SkipWhen(accept == "audio/flac" && !Ffmpeg.IsInstalled, "ffmpeg is not installed");
        using var response = await PredictAsync("""{"lyrics":"one","stream":true}""", accept);
        Assert.Contains("audio/mpeg", (await response.FieldErrorsAsync())["stream"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_predict_request_that_fails_returns_an_error_or_aborts_its_stream(bool hasSound)
    {
        var response = PredictAsync("""{"lyrics":"one","stream":true}""", "audio/wav");
        await _stage["one"].Started.Task.InTime();
        if (!hasSound)
        {
            _stage["one"].Fail(new SongException("no"));
            await (await response.InTime()).ProblemAsync(HttpStatusCode.InternalServerError, "urn:yue:song-failed");
            return;
        }

        Hear("one", 0, 100);
        using var stream = await response.InTime();
        _stage["one"].Fail(new SongException("no"));
        await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<Exception>(() => RestAsync(content));
    }

    [Fact]
    public async Task A_predict_caller_who_leaves_cancels_the_song()
    {
        using var caller = new CancellationTokenSource();
        var response = PredictAsync("""{"lyrics":"one","stream":true}""", "audio/wav", cancel: caller.Token);
        await _stage["one"].Started.Task.InTime();
        Hear("one", 0, 100);
        using (await response.InTime())
        {
            await caller.CancelAsync();
        }

        await Eventually.TrueAsync(() => _stage.Ended == 1);
    }

    [Fact]
    public async Task A_job_with_the_stream_field_gets_the_address_of_its_stream()
    {
        var job = await RunAsync("one", ""","stream":true""");
        var warning = Assert.Single((await _client.GetJsonAsync(job)).GetProperty("warnings").EnumerateArray()).GetString();
        Assert.Contains("/stream", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_wait_for_the_first_sound_of_a_stream_has_a_timeout()
    {
        using var app = YueApp.OnSocket(("Yue:SongTimeoutSeconds", "1"));
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        using var late = await PredictAsync("""{"lyrics":"late","stream":true}""", "audio/wav", client);
        await late.ProblemAsync(HttpStatusCode.GatewayTimeout, "urn:yue:timeout");

        var response = PredictAsync("""{"lyrics":"one","stream":true}""", "audio/wav", client);
        await stage["one"].Started.Task.InTime();
        app.Engine.Listeners["one"].Hear(new(0, Rate, Samples(0, 100), null, null, IsEnd: false));
        using var stream = await response.InTime();
        using var limited = await PredictAsync("""{"lyrics":"waits behind it","stream":true}""", "audio/wav", client);
        await limited.ProblemAsync(HttpStatusCode.GatewayTimeout, "urn:yue:timeout");
        app.Engine.Listeners["one"].Hear(new(100, Rate, Samples(100, 10), null, null, IsEnd: true));
        stage["one"].Finish();
        Assert.Equal(44 + 220, (await stream.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task A_listener_of_a_waiting_song_gets_a_503_when_the_service_stops()
    {
        await RunAsync("first");
        var waiting = await _client.SubmitAsync("waiting");
        var response = OpenAsync(waiting);
        await Eventually.TrueAsync(() => _app.Services.GetRequiredService<JobWorker>().Find(Path.GetFileName(waiting))!.Sound!.IsListening);
        _app.Engine.Status = _app.Engine.Status with { State = Yue.Engine.Scheduling.EngineState.Draining };
        Task? read = null;      // The host drains the engine twice.
        _app.Engine.Drain = async _ =>
        {
            await (read ??= ReadAsync());
            _stage["first"].Finish();
        };
        await _app.Services.GetRequiredService<IHost>().StopAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(read);

        async Task ReadAsync()
        {
            using var refused = await response.InTime();
            await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
        }
    }

    [Fact]
    public async Task Raw_samples_are_sent_with_their_rate()
    {
        var job = await RunAsync("one");
        Hear("one", 0, 100, isEnd: true);
        using var live = await OpenAsync(job, "pcm");
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        using var finished = await OpenAsync(job, "pcm");
        Assert.All(
            new[] { live, finished }, response => Assert.Equal(["44100"], response.Headers.GetValues("X-Yue-Sample-Rate")));
    }

    [Theory]
    [InlineData("track=drums", "track")]
    [InlineData("format=flac", "format")]
    public async Task An_invalid_parameter_causes_a_422_that_names_it(string query, string field)
    {
        var job = await RunAsync("one");
        using var response = await _client.GetAsync($"{job}/stream?{query}", TestContext.Current.CancellationToken);
        Assert.Equal([field], (await response.FieldErrorsAsync()).Keys);
    }

    [Fact]
    public async Task An_unknown_song_has_no_stream()
    {
        using var response = await _client.GetAsync(
            "/v1/songs/0123456789abcdef0123456789abcdef/stream", TestContext.Current.CancellationToken);
        await response.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    private static float[] Samples(int start, int count) => [.. Enumerable.Range(start, count).Select(i => MathF.Sin(i * 0.05f) / 2)];

    private async Task<string> RunAsync(string lyrics, string moreFields = "")
    {
        var job = await _client.SubmitAsync(lyrics, moreFields);
        await _client.WhenAsync(job, "running");
        return job;
    }

    private void Hear(string lyrics, int start, int count, bool isEnd = false)
    {
        var mix = Samples(start, count);
        _app.Engine.Listeners[lyrics].Hear(new(
            start,
            Rate,
            mix,
            Array.ConvertAll(mix, sample => sample * 0.5f),
            Array.ConvertAll(mix, sample => sample * 0.25f),
            isEnd));
    }

    private Task<HttpResponseMessage> OpenAsync(string job, string format = "wav") => _client.GetAsync(
        $"{job}/stream?format={format}", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);

    private async Task<HttpResponseMessage> PredictAsync(
        string json, string? accept, HttpClient? client = null, CancellationToken cancel = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict")
        {
            Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json"),
        };
        if (accept is not null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        return await (client ?? _client).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    private async Task<HttpResponseMessage> OpenWithSoundAsync(string job)
    {
        var response = OpenAsync(job);
        Hear("one", 0, 100);
        return await response.InTime();
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, TestContext.Current.CancellationToken).AsTask().InTime();
        return bytes;
    }

    private static async Task<byte[]> RestAsync(Stream stream)
    {
        using var rest = new MemoryStream();
        await stream.CopyToAsync(rest, TestContext.Current.CancellationToken).InTime();
        return rest.ToArray();
    }
}
