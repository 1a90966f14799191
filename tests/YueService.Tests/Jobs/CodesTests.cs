using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the codes of finished songs, and songs that continue from them by id.</summary>
public sealed class CodesTests : IDisposable
{
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task A_finished_song_is_continued_by_its_id_with_its_own_lyrics_and_genre()
    {
        await using var app = App();
        using var client = app.CreateClient();
        var job = await SingAsync(client, """{"lyrics":"[verse]a[chorus]b[outro]c","genre":"folk"}""");
        Assert.EndsWith(
            "/codes", (await client.GetJsonAsync(job)).GetProperty("links").GetProperty("codes").GetString(), StringComparison.Ordinal);
        var codes = await client.GetJsonAsync(job + "/codes");
        Assert.Equal([1, 2, 3], codes.GetProperty("sections")[0].GetProperty("vocal").EnumerateArray().Select(code => code.GetInt32()));
        Assert.Equal("en-cot", codes.GetProperty("model").GetString());

        await SingAsync(client, $$"""{"continue_from":"{{IdOf(job)}}"}""");
        await SingAsync(client, $$"""{"continue_from":"{{IdOf(job)}}","replace_section":2,"genre":"jazz","lyrics":"[verse]a[bridge]x"}""");
        using var waited = await client.PredictAsync($$"""{"continue_from":"{{IdOf(job)}}","stage":"finish","instrumental":true}""");
        await waited.SongAsync();
        var requests = app.Engine.Requests.Skip(1).ToArray();
        Assert.Equal(("[verse]a[chorus]b[outro]c", "folk", "en-cot"), (requests[0].Lyrics, requests[0].Genre, requests[0].Model));
        Assert.Equal(("[verse]a[bridge]x", "jazz", 2), (requests[1].Lyrics, requests[1].Genre, requests[1].ReplaceSection));
        Assert.True(requests[2].Instrumental);
        Assert.All(requests, request => Assert.Equal(
            FakeSongEngine.Codes.Sections.Select(section => section.ToIds()),
            request.ContinueFrom!.Sections.Select(section => section.ToIds())));

        await SingAsync(client, """{"lyrics":"[verse][chorus]","instrumental":true}""");
        var instrumental = (await client.GetJsonAsync("/v1/songs?limit=1")).GetProperty("songs")[0].GetProperty("id").GetString();
        await SingAsync(client, $$"""{"continue_from":"{{instrumental}}","stage":"finish"}""");
        Assert.True(app.Engine.Requests.Last().Instrumental);
    }

    [Fact]
    public async Task A_song_without_codes_cannot_be_continued()
    {
        await using var app = App();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var running = await client.SubmitAsync("running");
        await client.WhenAsync(running, "running");
        await AssertRefusedAsync(client, running, HttpStatusCode.Conflict, "urn:yue:no-song-yet");
        using var cancelled = await client.DeleteAsync(running, TestContext.Current.CancellationToken);
        await AssertRefusedAsync(client, running, HttpStatusCode.Conflict, "urn:yue:no-song-yet");

        var made = await client.SubmitAsync("made");
        stage["made"].Finish();
        await client.WhenAsync(made, "succeeded");
        File.Delete(Path.Combine(_state["songs"], IdOf(made), "codes.json"));
        await AssertRefusedAsync(client, made, HttpStatusCode.Conflict, "urn:yue:no-codes");

        using var removed = await client.DeleteAsync(made, TestContext.Current.CancellationToken);
        using var codes = await client.GetAsync(made + "/codes", TestContext.Current.CancellationToken);
        await codes.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        using var response = await client.PostSongAsync($$"""{"continue_from":"{{IdOf(made)}}","stage":"finish","seed":"x"}""");
        Assert.Equal(["continue_from", "seed"], (await response.FieldErrorsAsync()).Keys.Order());
    }

    [Fact]
    public async Task An_idempotency_key_returns_its_job_even_if_its_source_song_was_removed()
    {
        await using var app = App();
        using var client = app.CreateClient();
        var source = await SingAsync(client, """{"lyrics":"[verse]a[chorus]b[outro]c"}""");
        var body = $$"""{"continue_from":"{{IdOf(source)}}"}""";
        using var first = await client.PostSongAsync(body, key: "once");
        using var removed = await client.DeleteAsync(source, TestContext.Current.CancellationToken);

        using var again = await client.PostSongAsync(body, key: "once");
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        using var other = await client.PostSongAsync($$"""{"continue_from":"{{IdOf(source)}}","seed":7}""", key: "once");
        await other.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
        using var otherKey = await client.PostSongAsync(body, key: "twice");
        Assert.Equal(["continue_from"], (await otherKey.FieldErrorsAsync()).Keys);
    }

    [Fact]
    public async Task A_waiting_job_keeps_its_codes_across_a_restart_until_it_ends()
    {
        string source, job;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            source = await client.SubmitAsync("[verse]a[chorus]b[outro]c");
            stage["[verse]a[chorus]b[outro]c"].Finish();
            await client.WhenAsync(source, "succeeded");
            await client.WhenAsync(await client.SubmitAsync("first"), "running");
            var body = $$"""{"continue_from":"{{IdOf(source)}}","target_seconds":5}""";
            using var response = await client.PostSongAsync(body, key: "once");
            job = response.Headers.Location!.ToString();
            using var again = await client.PostSongAsync(body, key: "once");
            Assert.Equal(job, again.Headers.Location!.ToString());
            using var removed = await client.DeleteAsync(source, TestContext.Current.CancellationToken);
            app.Services.GetRequiredService<JobSignals>().Stop();
            ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
        }

        Assert.Contains("1023", RequestOf(job), StringComparison.Ordinal);
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            await client.WhenAsync(job, "succeeded");
            var request = app.Engine.Requests.Last();
            Assert.Equal(
                FakeSongEngine.Codes.Sections.Select(section => section.ToIds()),
                request.ContinueFrom!.Sections.Select(section => section.ToIds()));
            Assert.Equal([5.0], request.TargetSeconds!);
        }

        Assert.DoesNotContain("1023", RequestOf(job), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_of_an_earlier_release_are_read_and_their_waiting_jobs_run()
    {
        const string Request = """
            {"song":{"lyrics":"old","genre":"Pop","max_new_tokens":3000,"run_n_segments":2,"seed":42,"model":null,
             "output":{"sample_rate":44100,"stems":false},
             "sampling":{"temperature":1,"top_p":0.93,"top_k":50,"repetition_penalty":1.1,"guidance_scale":null}},
             "format":null,"client_job_id":null,"warnings":[]}
            """;
        const string Song = """
            {"sample_rate":44100,"duration_seconds":1,"seed":42,"model":"en-cot",
             "timings":{"queue_seconds":0,"stage1_seconds":1,"stage2_seconds":1,"decode_seconds":1,
             "total_seconds":3,"tokens_per_second":10,"real_time_factor":3},
             "sections":[{"tag":"verse","seconds":1,"tokens":101,"ended":"end_of_audio"}],"warnings":[],"tracks":["mix"]}
            """;
        await using (var app = App())
        {
            using var client = app.CreateClient();
            await client.GetJsonAsync("/v1/songs");

            // The store is closed here, because the program closes it on another thread, perhaps after the next process starts.
            app.Services.GetRequiredService<JobSignals>().Stop();
            ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
        }

        using (var database = Open())
        {
            using var insert = database.CreateCommand();
            insert.CommandText = """
                INSERT INTO jobs (id, state, request, created_ms, finished_ms, song) VALUES
                ('aa', 'succeeded', $request, 1, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)), $song),
                ('bb', 'queued', $request, 2, NULL, NULL)
                """;
            insert.Parameters.AddWithValue("$request", Request);
            insert.Parameters.AddWithValue("$song", Song);
            insert.ExecuteNonQuery();
        }

        await using (var app = App())
        {
            using var client = app.CreateClient();
            var song = (await client.GetJsonAsync("/v1/songs/aa")).GetProperty("song");
            Assert.Equal("full", song.GetProperty("stage").GetString());
            Assert.False(song.GetProperty("sections")[0].GetProperty("kept").GetBoolean());
            await client.WhenAsync("/v1/songs/bb", "succeeded");
            Assert.Equal(new Yue.Engine.Songs.SongRequest { Lyrics = "old" }, Assert.Single(app.Engine.Requests));
        }
    }

    private YueApp App() => new(("Yue:StateFolder", _state.Path));

    private static string IdOf(string job) => job[(job.LastIndexOf('/') + 1)..];

    private static async Task<string> SingAsync(HttpClient client, string body)
    {
        using var response = await client.PostSongAsync(body);
        Assert.True(
            response.StatusCode == HttpStatusCode.Accepted,
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var job = response.Headers.Location!.ToString();
        await client.WhenAsync(job, "succeeded");
        return job;
    }

    private static async Task AssertRefusedAsync(HttpClient client, string job, HttpStatusCode status, string type)
    {
        using var codes = await client.GetAsync(job + "/codes", TestContext.Current.CancellationToken);
        await codes.ProblemAsync(status, type);
        using var response = await client.PostSongAsync($$"""{"continue_from":"{{IdOf(job)}}","stage":"finish"}""");
        await response.ProblemAsync(status, type);
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={_state["jobs.db"]};Pooling=False");
        connection.Open();
        return connection;
    }

    private string RequestOf(string job)
    {
        using var database = Open();
        using var select = database.CreateCommand();
        select.CommandText = "SELECT request FROM jobs WHERE id = $id";
        select.Parameters.AddWithValue("$id", IdOf(job));
        return (string)select.ExecuteScalar()!;
    }
}
