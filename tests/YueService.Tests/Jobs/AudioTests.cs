using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Xunit;
using Yue.Engine.Audio;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests downloads of finished songs.</summary>
public sealed class AudioTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public AudioTests()
    {
        _stage = new(_app.Engine) { RunsFreely = true };
        _client = _app.CreateClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Files_have_the_name_and_the_tags_of_their_song()
    {
        var job = await _client.SubmitAsync("[verse]\\nla", ""","seed":7,"title":"First","output":{"stems":true}""");
        await _client.WhenAsync(job, "succeeded");
        Assert.Equal(Enumerable.Repeat((AudioFormat.Wav, new SoundTags("First", 7, "[verse]\nla")), 3), _app.Encoder.Tags);

        using var renamed = await _client.PatchAsJsonAsync(job, new { title = "Second" }, TestContext.Current.CancellationToken);
        using var mp3 = await GetAsync(job + "/audio?format=mp3");
        Assert.Equal((AudioFormat.Mp3, new SoundTags("Second", 7, "[verse]\nla")), _app.Encoder.Tags.Last());

        var silent = await _client.SubmitAsync("[intro]", ""","instrumental":true""");
        await _client.WhenAsync(silent, "succeeded");
        Assert.Equal("", _app.Encoder.Tags.Last().Tags.Lyrics);
    }

    [Fact]
    public async Task A_file_that_is_sent_after_a_rename_has_the_new_title()
    {
        _app.Encoder.WritesTags = true;
        var job = await FinishedAsync(""","title":"First title" """);
        using var before = await GetAsync(job + "/audio");
        var old = await before.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Contains("First title", Encoding.UTF8.GetString(old), StringComparison.Ordinal);

        using var renamed = await _client.PatchAsJsonAsync(job, new { title = "2nd" }, TestContext.Current.CancellationToken);
        using var after = await GetAsync(job + "/audio", request => request.Headers.IfNoneMatch.Add(before.Headers.ETag!));
        var file = await after.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        Assert.Equal(WavFile.ToBytes(WavFile.Parse(old).ToMono(), new SoundTags("2nd", 42, "one")), file);
        Assert.Equal(file.Length, after.Content.Headers.ContentLength);
        Assert.Contains("2nd.wav", after.Content.Headers.ContentDisposition!.ToString(), StringComparison.Ordinal);

        // A partial download of the old file must not continue with the new file.
        using var rest = await GetAsync(job + "/audio", request =>
        {
            request.Headers.Range = new RangeHeaderValue(100, null);
            request.Headers.IfRange = new RangeConditionHeaderValue(before.Headers.ETag!);
        });
        Assert.Equal(HttpStatusCode.OK, rest.StatusCode);
        using var part = await GetAsync(job + "/audio", request => request.Headers.Range = new RangeHeaderValue(null, 60));
        Assert.Equal(file[^60..], await part.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_audio_endpoint_returns_a_409_until_the_song_is_finished()
    {
        _stage.RunsFreely = false;
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        using var early = await GetAsync(job + "/audio");
        var problem = await early.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-song-yet");
        Assert.Equal("running", problem.GetProperty("state").GetString());
        Assert.NotNull(early.Headers.RetryAfter);
        using var noStem = await GetAsync(job + "/audio?track=vocal");
        await noStem.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        Assert.StartsWith("RIFF", Encoding.ASCII.GetString(await BytesAsync(job + "/audio")), StringComparison.Ordinal);

        var cancelled = await _client.SubmitAsync("two");
        using var delete = await _client.DeleteAsync(cancelled, TestContext.Current.CancellationToken);
        using var never = await GetAsync(cancelled + "/audio");
        await never.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-song-yet");
        Assert.Null(never.Headers.RetryAfter);
    }

    [Fact]
    public async Task Slow_readers_delay_neither_other_songs_nor_each_other()
    {
        // More than the socket buffers can hold.
        const int Samples = 90 * 44_100;
        const int Readers = 20;
        using var app = YueApp.OnSocket();
        app.Engine.Sing = (request, _, _) =>
        {
            var song = FakeSongEngine.Song(request);
            return Task.FromResult(song with { Mix = song.Mix with { Samples = new float[Samples] } });
        };
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        var readers = new List<HttpResponseMessage>();
        for (var i = 0; i < Readers; i++)
        {
            // These readers read the headers and nothing else.
            readers.Add(
                await client.GetAsync(job + "/audio", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken));
        }

        var other = await client.SubmitAsync("two");
        await client.WhenAsync(other, "succeeded");
        Assert.Equal((2 * Samples) + 44, (await client.GetByteArrayAsync(other + "/audio", TestContext.Current.CancellationToken)).Length);
        Assert.Equal((2 * Samples) + 44, (await readers[0].Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
        readers.ForEach(reader => reader.Dispose());
    }

    [Fact]
    public async Task Ranges_and_entity_tags_are_supported()
    {
        var job = await FinishedAsync();
        var whole = await BytesAsync(job + "/audio");
        using var first = await GetAsync(job + "/audio");
        Assert.Equal("audio/wav", first.Content.Headers.ContentType!.MediaType);
        var tag = first.Headers.ETag!;
        Assert.False(tag.IsWeak);

        using var part = await GetAsync(job + "/audio", request => request.Headers.Range = new RangeHeaderValue(100, 199));
        Assert.Equal((HttpStatusCode.PartialContent, 100L), (part.StatusCode, part.Content.Headers.ContentRange!.From));
        Assert.Equal(whole[100..200], await part.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));

        using var known = await GetAsync(job + "/audio", request => request.Headers.IfNoneMatch.Add(tag));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
        using var stale = await GetAsync(job + "/audio", request =>
        {
            request.Headers.Range = new RangeHeaderValue(100, 199);
            request.Headers.IfRange = new RangeConditionHeaderValue(new EntityTagHeaderValue("\"another\""));
        });
        Assert.Equal(HttpStatusCode.OK, stale.StatusCode);
        using var past = await GetAsync(job + "/audio", request => request.Headers.Range = new RangeHeaderValue(whole.Length, null));
        await past.ProblemAsync(HttpStatusCode.RequestedRangeNotSatisfiable, "urn:yue:bad-request");
        Assert.Equal(whole.Length, past.Content.Headers.ContentRange!.Length);

        using var head = await _client.SendAsync(new(HttpMethod.Head, job + "/audio"), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.OK, whole.Length), (head.StatusCode, (int)head.Content.Headers.ContentLength!));
    }

    [Fact]
    public async Task The_query_selects_the_track_and_format_and_files_are_encoded_once()
    {
        var job = await FinishedAsync(""","output":{"stems":true,"format":"flac"}""");
        var made = 0;
        _app.Encoder.Prepare = _ =>
        {
            Interlocked.Increment(ref made);
            return Task.CompletedTask;
        };
        Assert.Equal("flac", Encoding.ASCII.GetString(await BytesAsync(job + "/audio")));
        Assert.Equal("flac", Encoding.ASCII.GetString(await BytesAsync(job + "/audio?track=mix")));
        Assert.Equal(1, made);
        Assert.Equal("mp3", Encoding.ASCII.GetString(await BytesAsync(job + "/audio?track=vocal&format=mp3")));
        Assert.Equal(44 + 200, (await BytesAsync(job + "/audio?track=vocal&format=wav")).Length);
        Assert.Equal(44 + 400, (await BytesAsync(job + "/audio?track=instrumental&format=wav")).Length);
    }

    [Fact]
    public async Task Unavailable_or_unknown_tracks_and_formats_are_refused_with_a_reason()
    {
        var job = await FinishedAsync();
        using var stem = await GetAsync(job + "/audio?track=vocal");
        Assert.Contains(
            "output.stems", (await stem.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found")).ToString(), StringComparison.Ordinal);
        using var wrong = await GetAsync(job + "/audio?track=drums&format=ogg");
        Assert.Equal(["track", "format"], (await wrong.FieldErrorsAsync()).Keys);
        _app.Encoder.HasFfmpeg = false;
        using var format = await GetAsync(job + "/audio?format=mp3");
        await format.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:format-unavailable");
    }

    [Fact]
    public async Task A_song_that_is_removed_while_its_file_is_being_encoded_causes_a_404()
    {
        var job = await FinishedAsync();
        _app.Encoder.Prepare = async _ =>
        {
            using var removed = await _client.DeleteAsync(job, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        };
        using var response = await GetAsync(job + "/audio?format=mp3");
        await response.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData("..%2F..%2Fjobs.db")]
    [InlineData("..")]
    [InlineData("%2e%2e")]
    [InlineData("nosuch")]
    public async Task An_identifier_is_never_a_path(string id)
    {
        using var response = await GetAsync($"/v1/songs/{id}/audio");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    private async Task<string> FinishedAsync(string moreFields = "")
    {
        var job = await _client.SubmitAsync("one", moreFields);
        await _client.WhenAsync(job, "succeeded");
        return job;
    }

    private Task<HttpResponseMessage> GetAsync(string path, Action<HttpRequestMessage>? configure = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        configure?.Invoke(request);
        return _client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<byte[]> BytesAsync(string path)
    {
        using var response = await GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }
}
