using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Testing;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests clips that are uploaded once and used in many requests.</summary>
public sealed class ClipTests : IDisposable
{
    private static readonly float[] Samples = TestWav.Sine(16_000, 440, 12);
    private static readonly byte[] Clip = TestWav.OfFloats(16_000, 1, Samples);

    private readonly YueApp _app = new(("Yue:KeepClipsMegabytes", "1"));
    private readonly HttpClient _client;

    public ClipTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_clip_is_stored_shown_used_in_requests_and_removed()
    {
        using var created = await UploadAsync(Clip);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var clip = await created.JsonAsync();
        var id = clip.GetProperty("id").GetString()!;
        Assert.Equal($"/v1/clips/{id}", created.Headers.Location!.ToString());
        Assert.Equal((Clip.Length, 12.0), (clip.GetProperty("bytes").GetInt32(), clip.GetProperty("seconds").GetDouble()));
        Assert.Equal(
            TimeSpan.FromDays(7), clip.GetProperty("expires_at").GetDateTimeOffset() - clip.GetProperty("used_at").GetDateTimeOffset());

        using var again = await UploadAsync(Clip, "application/octet-stream");
        Assert.Equal((HttpStatusCode.OK, id), (again.StatusCode, (await again.JsonAsync()).GetProperty("id").GetString()));
        Assert.Equal(id, (await _client.GetJsonAsync($"/v1/clips/{id}")).GetProperty("id").GetString());

        using var song = await _client.PredictAsync($$$"""{"lyrics":"la","reference":{"clip":"{{{id}}}","end_seconds":11}}""");
        await song.SongAsync();
        Assert.True(_app.Engine.Requests.TryDequeue(out var request));
        Assert.Equal(Samples, Assert.Single(request.Reference!.Tracks).Samples);
        Assert.Equal(11, request.Reference.EndSeconds);

        using var deleted = await _client.DeleteAsync($"/v1/clips/{id}", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using var gone = await _client.GetAsync($"/v1/clips/{id}", TestContext.Current.CancellationToken);
        await gone.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        using var twice = await _client.DeleteAsync($"/v1/clips/{id}", TestContext.Current.CancellationToken);
        await twice.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        using var late = await _client.PostSongAsync($$$"""{"lyrics":"la","reference":{"clip":"{{{id}}}"}}""");
        Assert.Contains("there is no such clip", (await late.FieldErrorsAsync())["reference.clip"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_waiting_job_keeps_the_sound_of_a_removed_clip()
    {
        var id = await StoreAsync(Clip);
        _app.Engine.Slots = 0;
        var job = await _client.SubmitAsync("one", $$$""","reference":{"clip":"{{{id}}}"}""");
        using var deleted = await _client.DeleteAsync($"/v1/clips/{id}", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        _app.Engine.Slots = 1;
        await _client.WhenAsync(job, "succeeded");
        Assert.Equal(Samples, Assert.Single(_app.Engine.Requests).Reference!.Tracks[0].Samples);
    }

    [Fact]
    public async Task Clips_survive_a_restart()
    {
        using var state = new TemporaryFolder();
        string id;
        using (var first = new YueApp(("Yue:StateFolder", state.Path)))
        {
            using var client = first.CreateClient();
            id = await StoreAsync(Clip, client);
        }

        await File.WriteAllBytesAsync(
            Path.Combine(state.Path, "clips", $"{new string('0', 32)}.part"), [1], TestContext.Current.CancellationToken);
        using var second = new YueApp(("Yue:StateFolder", state.Path));
        using var later = second.CreateClient();
        Assert.Equal(12, (await later.GetJsonAsync($"/v1/clips/{id}")).GetProperty("seconds").GetDouble());
        using var check = await later.PostSongAsync(
            $$$"""{"lyrics":"la","reference":{"clip":"{{{id}}}"}}""", path: "/v1/songs/check");
        Assert.True((await check.SongAsync()).GetProperty("valid").GetBoolean());
        await Eventually.TrueAsync(() => Directory.GetFiles(Path.Combine(state.Path, "clips")).Length == 1);
    }

    [Fact]
    public async Task A_file_that_is_not_a_clip_is_refused()
    {
        using var garbage = await UploadAsync(Encoding.ASCII.GetBytes("not a sound"));
        Assert.Equal(["clip"], (await garbage.FieldErrorsAsync()).Keys);
        using var empty = await UploadAsync([]);
        Assert.Contains("empty", (await empty.FieldErrorsAsync())["clip"], StringComparison.Ordinal);
        using var shorter = await UploadAsync(TestWav.OfFloats(16_000, 1, TestWav.Sine(16_000, 440, 1).AsSpan(0, 8000)));
        Assert.Contains("lasts 0.5 s", (await shorter.FieldErrorsAsync())["clip"], StringComparison.Ordinal);
        using var json = await UploadAsync(Clip, "application/json");
        await json.ProblemAsync(HttpStatusCode.UnsupportedMediaType, "urn:yue:unsupported-media-type");
        using var large = await UploadAsync(new byte[(64 << 20) + 1]);
        await large.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
        using var unknown = await _client.GetAsync("/v1/clips/..%2Fjobs.db", TestContext.Current.CancellationToken);
        await unknown.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        Assert.Equal(0, await _app.Services.GetRequiredService<ClipFolder>().BytesInUseAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_total_size_of_clips_is_limited_and_the_error_names_the_setting()
    {
        var id = await StoreAsync(Clip);
        using var full = await UploadAsync(TestWav.OfFloats(16_000, 1, TestWav.Sine(16_000, 220, 12)));
        var problem = await full.ProblemAsync((HttpStatusCode)507, "urn:yue:clips-full");
        Assert.Contains("Yue:KeepClipsMegabytes", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);

        // An existing clip takes no additional space.
        using var same = await UploadAsync(Clip);
        Assert.Equal(HttpStatusCode.OK, same.StatusCode);
        using var deleted = await _client.DeleteAsync($"/v1/clips/{id}", TestContext.Current.CancellationToken);
        await StoreAsync(TestWav.OfFloats(16_000, 1, TestWav.Sine(16_000, 220, 12)));
    }

    [Theory]
    [InlineData("""{"clip":"0123456789abcdef0123456789abcdef"}""", "reference.clip", "no such clip")]
    [InlineData("""{"clip":5}""", "reference.clip", "is the number 5")]
    [InlineData("""{"clip":"ID","audio":"CLIP"}""", "reference.clip", "send one of them")]
    [InlineData("""{"clip":"ID","start_seconds":11.5,"end_seconds":20}""", "reference.start_seconds", "the clip lasts 12 s")]
    [InlineData("""{"clip":"ID","separate":true}""", "reference.separate", "needs a separator")]
    public async Task An_invalid_reference_to_a_clip_is_reported(string reference, string field, string message)
    {
        reference = reference.Replace("ID", await StoreAsync(Clip), StringComparison.Ordinal)
            .Replace("CLIP", Convert.ToBase64String(Clip), StringComparison.Ordinal);
        using var response = await _client.PostSongAsync($$"""{"lyrics":"la","reference":{{reference}}}""");
        Assert.Contains(message, (await response.FieldErrorsAsync())[field], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unused_clip_is_removed_and_a_used_one_is_kept()
    {
        using var state = new TemporaryFolder();
        var clock = new Clock();
        var options = Options.Create(new JobOptions { StateFolder = state.Path, KeepClipsDays = 7 });
        var cancel = TestContext.Current.CancellationToken;
        using var clips = new ClipFolder(new FolderFiles(state.Path, null, clock), options, clock, NullLogger<ClipFolder>.Instance);
        var (used, unused) = (new string('a', 32), new string('b', 32));
        await clips.AddAsync(used, 1, new byte[1], cancel);
        await clips.AddAsync(unused, 1.5, new byte[2], cancel);
        clock.Now += TimeSpan.FromDays(6);
        Assert.NotNull(await clips.UseAsync(used, cancel));
        await clips.SweepAsync(cancel);
        Assert.Equal(1.5, (await clips.FindAsync(unused, cancel))!.Seconds);
        clock.Now += TimeSpan.FromDays(2);
        await clips.SweepAsync(cancel);
        Assert.Null(await clips.FindAsync(unused, cancel));
        Assert.Equal(1, (await clips.FindAsync(used, cancel))!.Bytes);
        Assert.Equal(1, await clips.BytesInUseAsync(cancel));
    }

    private async Task<string> StoreAsync(byte[] clip, HttpClient? client = null)
    {
        using var response = await UploadAsync(clip, client: client);
        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
        return (await response.JsonAsync()).GetProperty("id").GetString()!;
    }

    private Task<HttpResponseMessage> UploadAsync(byte[] clip, string type = "audio/wav", HttpClient? client = null)
    {
        var content = new ByteArrayContent(clip);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return (client ?? _client).PostAsync("/v1/clips", content, TestContext.Current.CancellationToken);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
