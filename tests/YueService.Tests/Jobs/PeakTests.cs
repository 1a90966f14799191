using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the waveform data of songs.</summary>
public sealed class PeakTests : IDisposable
{
    private const int Rate = 44_100;
    private readonly YueApp _app = new();
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public PeakTests()
    {
        _stage = new(_app.Engine);
        _client = _app.CreateClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Theory]
    [InlineData(44_100, 20)]
    [InlineData(44_100, 200)]
    [InlineData(16_000, 7)]
    [InlineData(44_100, 1)]
    public void Every_sample_counts_toward_the_interval_that_contains_it(int rate, int perSecond)
    {
        var random = new Random(3);
        var samples = Enumerable.Range(0, (2 * rate) + 123).Select(_ => (float)((random.NextDouble() * 2) - 1)).ToArray();
        var pcm = WavFile.ToPcm(samples);
        var expected = Enumerable.Range(0, samples.Length)
            .GroupBy(i => (long)i * perSecond / rate, i => BitConverter.ToInt16(pcm, 2 * i))
            .SelectMany(interval => new[] { interval.Min(), interval.Max() });

        var peaks = new SoundPeaks(new(rate, Channels: 1), perSecond);
        for (var (at, count) = (0, 0); at < pcm.Length; at += count)
        {
            count = Math.Min(2 * random.Next(1, 9000), pcm.Length - at);
            peaks.Add(pcm.AsSpan(at, count));
        }

        peaks.Complete();
        Assert.Equal(expected, peaks.Pairs);
        Assert.Equal((double)samples.Length / rate, peaks.Seconds);
    }

    [Fact]
    public void An_interval_includes_the_samples_of_all_channels()
    {
        var peaks = new SoundPeaks(new(SampleRateHz: 4, Channels: 2), perSecond: 2);
        peaks.Add(WavFile.ToPcm([0.5f, -0.25f, 0, 0, 0, 0.125f, 0, -0.5f]));
        short[] expected = [-8192, 16384, -16384, 4096];
        Assert.Equal(expected, peaks.Pairs);
        Assert.Equal(1, peaks.Seconds);
    }

    [Fact]
    public async Task The_peaks_of_a_finished_song_equal_those_of_its_file()
    {
        _stage.RunsFreely = true;
        var job = await _client.SubmitAsync("one", ""","output":{"stems":true}""");
        await _client.WhenAsync(job, "succeeded");
        var wav = await _client.GetByteArrayAsync($"{job}/audio", TestContext.Current.CancellationToken);
        var peaks = await _client.GetJsonAsync($"{job}/peaks?per_second=100");
        Assert.Equal(
            ("mix", 100, true, 0.1),
            (Text(peaks, "track"),
                peaks.GetProperty("per_second").GetInt32(),
                peaks.GetProperty("complete").GetBoolean(),
                peaks.GetProperty("seconds").GetDouble()));
        Assert.Equal(20, peaks.GetProperty("peaks").GetArrayLength());
        var first = Enumerable.Range(0, Rate / 100).Select(i => BitConverter.ToInt16(wav, 44 + (2 * i)) / 32768.0).ToList();
        Assert.Equal([Math.Round(first.Min(), 3), Math.Round(first.Max(), 3)], Pairs(peaks).Take(2));
        Assert.Equal(4, (await _client.GetJsonAsync($"{job}/peaks")).GetProperty("peaks").GetArrayLength());
        Assert.Equal(2, (await _client.GetJsonAsync($"{job}/peaks?track=vocal")).GetProperty("peaks").GetArrayLength());
    }

    [Fact]
    public async Task The_peaks_of_an_unfinished_song_grow_with_its_sound()
    {
        var job = await RunAsync("one");
        var none = await _client.GetJsonAsync($"{job}/peaks?per_second=10");
        Assert.Equal((0, false), (none.GetProperty("peaks").GetArrayLength(), none.GetProperty("complete").GetBoolean()));

        Hear("one", 0, (Rate / 10) + 5, 0.25f);
        using var first = await GetAsync($"{job}/peaks?per_second=10");
        var one = await first.JsonAsync();
        Assert.Equal([0.25, 0.25], Pairs(one));
        Assert.Equal(0.1, one.GetProperty("seconds").GetDouble());
        using var same = await GetAsync($"{job}/peaks?per_second=10", first.Headers.ETag);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);

        Hear("one", (Rate / 10) + 5, Rate / 10, 0.5f, isEnd: true);
        using var grown = await GetAsync($"{job}/peaks?per_second=10", first.Headers.ETag);
        Assert.Equal(HttpStatusCode.OK, grown.StatusCode);
        var all = await grown.JsonAsync();
        Assert.Equal([0.25, 0.25, 0.25, 0.5, 0.5, 0.5], Pairs(all));

        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        using var finished = await GetAsync($"{job}/peaks?per_second=10", grown.Headers.ETag);
        Assert.True((await finished.JsonAsync()).GetProperty("complete").GetBoolean());
        using var known = await GetAsync($"{job}/peaks?per_second=10", finished.Headers.ETag);
        Assert.Equal((HttpStatusCode.NotModified, finished.Headers.ETag), (known.StatusCode, known.Headers.ETag));
        using var other = await GetAsync($"{job}/peaks?per_second=11", finished.Headers.ETag);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task Peaks_return_the_same_errors_as_the_audio()
    {
        using var unknown = await GetAsync("/v1/songs/0/peaks");
        await unknown.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");

        var job = await RunAsync("one");
        using var noStem = await GetAsync($"{job}/peaks?track=vocal");
        await noStem.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        foreach (var (query, field) in new[] { ("track=drums", "track"), ("per_second=201", "per_second"), ("per_second=x", "per_second") })
        {
            using var invalid = await GetAsync($"{job}/peaks?{query}");
            Assert.Equal([field], (await invalid.FieldErrorsAsync()).Keys);
        }

        _stage["one"].Fail(new SongException("no"));
        await _client.WhenAsync(job, "failed");
        using var failed = await GetAsync($"{job}/peaks");
        await failed.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-song-yet");

        _stage.RunsFreely = true;
        var damaged = await _client.SubmitAsync("two");
        await _client.WhenAsync(damaged, "succeeded");
        await File.WriteAllBytesAsync(
            Path.Combine(_app.StateFolder, "songs", Path.GetFileName(damaged), "mix.wav"), [1], TestContext.Current.CancellationToken);
        using var broken = await GetAsync($"{damaged}/peaks");
        await broken.ProblemAsync(HttpStatusCode.InternalServerError, "urn:yue:song-damaged");
    }

    private async Task<string> RunAsync(string lyrics)
    {
        var job = await _client.SubmitAsync(lyrics);
        await _stage[lyrics].Started.Task.WaitAsync(TestContext.Current.CancellationToken);
        await _client.WhenAsync(job, "running");
        return job;
    }

    private void Hear(string lyrics, int start, int count, float level, bool isEnd = false) =>
        _app.Engine.Listeners[lyrics].Hear(new(start, Rate, Enumerable.Repeat(level, count).ToArray(), null, null, isEnd));

    private Task<HttpResponseMessage> GetAsync(string path, EntityTagHeaderValue? known = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (known is not null)
        {
            request.Headers.IfNoneMatch.Add(known);
        }

        return _client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static double[] Pairs(JsonElement peaks) => [.. peaks.GetProperty("peaks").EnumerateArray().Select(peak => peak.GetDouble())];

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
