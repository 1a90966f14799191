using System.Net;
using System.Text.Json.Nodes;
using Xunit;
using YueService.Client;
using YueService.Tests.Docs;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;
using SongException = Yue.Engine.Songs.SongException;

namespace YueService.Tests.Client;

/// <summary>Tests the package YueService.Client.</summary>
public sealed class YueClientTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly Connection _connection = new();
    private readonly HttpClient _http;
    private readonly YueClient _yue;

    public YueClientTests()
    {
        _http = _app.CreateDefaultClient(_connection);
        _yue = new(_http) { ReconnectionInterval = TimeSpan.Zero };
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task The_committed_client_is_generated_from_the_served_document()
    {
        var document = JsonNode.Parse(await _http.GetStringAsync("/openapi/v1.json", Cancel))!.AsObject();
        document.Remove("servers");
        var generated = await ClientGenerator.GenerateAsync(document.ToJsonString());
        var file = Path.Combine(DemoProcess.Repository, "src", "YueService.Client", "YueClient.g.cs");
        if (CommittedDocs.ShouldUpdate)
        {
            await File.WriteAllTextAsync(file, generated, Cancel);
        }

        Assert.True(await File.ReadAllTextAsync(file, Cancel) == generated, $"YueClient.g.cs is out of date; {CommittedDocs.Fix}");
    }

    [Fact]
    public async Task A_song_is_made_awaited_and_downloaded()
    {
        var events = new Events();
        var job = await _yue.CreateSongAsync(new() { Lyrics = "[verse]\nla la", Seed = 7 }, cancellationToken: Cancel);
        var song = await _yue.WaitForSongAsync(job.Id, events, Cancel);

        Assert.Equal((JobState.Succeeded, 7L), (song.State, song.Song!.Seed));
        Assert.Equal(JobState.Succeeded, events.All[^1].State);
        using var audio = await _yue.GetSongAudioAsync(song.Id, cancellationToken: Cancel);
        using var sound = new MemoryStream();
        await audio.Stream.CopyToAsync(sound, Cancel);
        Assert.Equal("RIFF"u8, sound.ToArray().AsSpan(0, 4));
    }

    [Fact]
    public async Task Only_fields_that_are_set_are_sent()
    {
        var draft = await _yue.CreateSongAsync(
            new() { Lyrics = "[verse]\nla", Stage = SongScope.Draft, Output = new() }, cancellationToken: Cancel);
        await _yue.WaitForSongAsync(draft.Id, cancellationToken: Cancel);
        var finished = await _yue.CreateSongAsync(new() { ContinueFrom = draft.Id, Stage = SongScope.Finish }, cancellationToken: Cancel);
        await _yue.WaitForSongAsync(finished.Id, cancellationToken: Cancel);

        Assert.Equal("""{"lyrics":"[verse]\nla","stage":"draft","output":{}}""", _connection.Bodies[0]);
        Assert.Equal(["Draft", "Finish"], _app.Engine.Requests.Select(request => request.Scope.ToString()));
    }

    [Fact]
    public async Task An_invalid_field_throws_an_exception_that_names_the_field()
    {
        var refused = await Assert.ThrowsAsync<YueException<Problem>>(
            () => _yue.CreateSongAsync(new() { Lyrics = "[verse]\nla", MaxNewTokens = 1 }, cancellationToken: Cancel));

        Assert.Equal((422, "urn:yue:invalid-request"), (refused.StatusCode, refused.Result.Type));
        Assert.Equal(["max_new_tokens"], refused.Result.Errors!.Keys);
    }

    [Fact]
    public async Task An_unknown_song_throws_an_exception()
    {
        var missing = await Assert.ThrowsAsync<YueException<Problem>>(
            () => _yue.WaitForSongAsync(new string('0', 32), cancellationToken: Cancel));
        Assert.Equal(404, missing.StatusCode);
    }

    [Fact]
    public async Task A_failed_song_is_returned_with_its_error()
    {
        _app.Engine.Sing = (_, _, _) => throw new SongException("no voice");
        var job = await _yue.CreateSongAsync(new() { Lyrics = "[verse]\nla" }, cancellationToken: Cancel);
        var song = await _yue.WaitForSongAsync(job.Id, cancellationToken: Cancel);

        Assert.Equal(JobState.Failed, song.State);
        Assert.Contains("Other songs are not affected", song.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_are_returned_as_a_group()
    {
        var group = await _yue.CreateTakesAsync(new() { Lyrics = "[verse]\nla", Seed = 3, Takes = 2 }, cancellationToken: Cancel);

        Assert.Equal([3L, 4L], group.Takes.Select(take => take.Seed));
        Assert.Equal(group.Id, (await _yue.GetGroupAsync(group.Id, Cancel)).Id);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => _yue.CreateTakesAsync(new() { Lyrics = "[verse]\nla" }, cancellationToken: Cancel));
    }

    [Fact]
    public async Task Options_and_models_are_read()
    {
        var model = Assert.Single((await _yue.GetOptionsAsync(Cancel)).Models, model => model.Name == FakeSongEngine.ModelName);
        Assert.Contains(SongScope.Draft, model.Stages);
        Assert.Contains((await _yue.ListModelsAsync(Cancel)).Data, model => model.Id == FakeSongEngine.ModelName);
    }

    [Fact]
    public async Task A_lost_connection_is_reopened()
    {
        var job = await _yue.CreateSongAsync(new() { Lyrics = "[verse]\nla" }, cancellationToken: Cancel);
        _connection.Failures = 3;
        Assert.Equal(JobState.Succeeded, (await _yue.WaitForSongAsync(job.Id, cancellationToken: Cancel)).State);
        Assert.Equal(0, _connection.Failures);
    }

    [Fact]
    public async Task A_connection_that_cannot_be_reopened_throws_an_exception()
    {
        var job = await _yue.CreateSongAsync(new() { Lyrics = "[verse]\nla" }, cancellationToken: Cancel);
        _connection.Failures = 100;
        await Assert.ThrowsAsync<HttpRequestException>(() => _yue.WaitForSongAsync(job.Id, cancellationToken: Cancel));
        Assert.Equal(100 - 11, _connection.Failures);
    }

    [Fact]
    public async Task An_error_without_problem_details_keeps_its_status()
    {
        _connection.FixedStatus = HttpStatusCode.BadGateway;
        var e = await Assert.ThrowsAnyAsync<YueException>(() => _yue.GetSongAsync("1", Cancel));
        Assert.Equal(502, e.StatusCode);
    }

    /// <summary>A connection that fails on demand.</summary>
    private sealed class Connection : DelegatingHandler
    {
        /// <summary>The number of times that connecting to the event stream will fail.</summary>
        public int Failures { get; set; }

        /// <summary>The status of every response; null to return the service's own responses.</summary>
        public HttpStatusCode? FixedStatus { get; set; }

        /// <summary>The bodies of all requests that have one.</summary>
        public List<string> Bodies { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (FixedStatus is { } status)
            {
                return new(status) { Content = new StringContent("<html>") { Headers = { ContentType = new("text/html") } } };
            }

            if (request.RequestUri!.AbsolutePath.EndsWith("/events", StringComparison.Ordinal) && Failures > 0)
            {
                Failures--;
                throw new HttpRequestException("The connection is lost.");
            }

            if (request.Content is { } content)
            {
                Bodies.Add(await content.ReadAsStringAsync(cancellationToken));
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Collects events.</summary>
    private sealed class Events : IProgress<SongEvent>
    {
        public List<SongEvent> All { get; } = [];

        public void Report(SongEvent value) => All.Add(value);
    }
}
