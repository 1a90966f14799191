using System.IO.Compression;
using System.Net;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests that rows of earlier releases can be read, and that rows keep their format.</summary>
public sealed class StoredJobTests : IDisposable
{
    /// <summary>The state folder of a service that was built from commit 66728f5 and killed while it worked on the fourth job.</summary>
    private static readonly string Fixture = Path.Combine(AppContext.BaseDirectory, "Jobs", "Fixtures", "schema-1.zip");

    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task A_state_folder_of_schema_1_opens_and_its_songs_play_and_continue()
    {
        ZipFile.ExtractToDirectory(Fixture, _state.Path);
        await using var app = App();
        var stage = new StagedEngine(app.Engine) { RunsFreely = true };
        using var client = app.CreateClient();

        var jobs = (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray().Reverse().ToArray();
        Assert.Equal(6, jobs.Length);
        Assert.Equal(["succeeded", "failed", "cancelled"], jobs.Take(3).Select(job => job.GetProperty("state").GetString()));

        var finished = PathOf(jobs[0]);
        var song = jobs[0].GetProperty("song");
        Assert.Equal(
            ("demo", 7, 44_100),
            (song.GetProperty("model").GetString(), song.GetProperty("seed").GetInt64(), song.GetProperty("sample_rate").GetInt32()));
        Assert.Equal("max_new_tokens", song.GetProperty("sections")[0].GetProperty("ended").GetString());
        foreach (var track in new[] { "mix", "vocal", "instrumental" })
        {
            Assert.Equal(
                88_244, (await client.GetByteArrayAsync($"{finished}/audio?track={track}", TestContext.Current.CancellationToken)).Length);
        }

        Assert.Equal("verse", (await client.GetJsonAsync($"{finished}/codes")).GetProperty("sections")[0].GetProperty("tag").GetString());
        using var again = await client.PostSongAsync("""{"lyrics":"another body"}""", key: "first");
        await again.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");

        var error = jobs[1].GetProperty("error");
        Assert.Equal("urn:yue:unsingable", error.GetProperty("type").GetString());
        Assert.Equal("The model cannot sing this song", error.GetProperty("title").GetString());
        Assert.StartsWith("genre and lyrics take 114087 tokens", error.GetProperty("detail").GetString(), StringComparison.Ordinal);

        foreach (var job in jobs.Skip(3))
        {
            await client.WhenAsync(PathOf(job), "succeeded");
        }

        var (running, withClip, further) = (
            app.Engine.Requests.ElementAt(0), app.Engine.Requests.ElementAt(1), app.Engine.Requests.ElementAt(2));
        Assert.Equal(("[verse]\nrunning\n[chorus]\nla", "rock", 10_000), (running.Lyrics, running.Genre, running.MaxNewTokens));
        Assert.Equal(new SamplingSettings { Temperature = 0.9, TopK = 40, GuidanceScale = 2.5 }, running.Sampling);
        Assert.Equal(1.5, withClip.Reference!.EndSeconds);
        Assert.Equal(24_000, Assert.Single(withClip.Reference.Tracks).Samples.Length);
        Assert.Equal(50, further.ContinueFrom!.Frames);
    }

    [Fact]
    public async Task A_database_of_a_later_release_is_refused_and_not_changed()
    {
        ZipFile.ExtractToDirectory(Fixture, _state.Path);
        Execute("PRAGMA user_version = 99");
        var before = File.ReadAllBytes(_state["jobs.db"]);
        await using var app = App();
        using var client = app.CreateClient();
        using var refused = await client.PostSongAsync("""{"lyrics":"la"}""");
        var problem = await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        Assert.Contains(
            "jobs.db has schema 99, but this release supports 7", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var song = await client.PredictAsync("""{"lyrics":"la"}""");
        await song.SongAsync();
        Assert.Equal(before, File.ReadAllBytes(_state["jobs.db"]));
    }

    [Fact]
    public void A_stored_request_has_this_form()
    {
        var request = new JobRequest(
            new SongRequest
            {
                Lyrics = "la",
                Genre = "rock",
                MaxNewTokens = 1,
                RunNSegments = 3,
                Seed = 4,
                Model = "m",
                Scope = SongScope.Draft,
                ContinueFrom = new("m", [new("verse", [1], [2], SectionEnd.EndOfAudio, 5)]),
                ReplaceSection = 1,
                Instrumental = true,
                TargetSeconds = [2.5],
                Output = new() { SampleRate = 16_000, Stems = true, LoudnessLufs = -14, FadeOutSeconds = 3 },
                Sampling = new() { Temperature = 0.9, TopP = 0.8, TopK = 7, RepetitionPenalty = 1.2, GuidanceScale = 1.4 },
                Reference = new() { FirstSecond = 6, StartSeconds = 7.5, EndSeconds = 8.5, Tracks = [new([1, 2], 16_000)] },
            },
            AudioFormat.Mp3,
            "mine",
            ["odd"])
        {
            TraceParent = "00-1-2-01",
        };
        var json = """
            {"song":{"lyrics":"la","genre":"rock","max_new_tokens":1,"run_n_segments":3,"seed":4,"model":"m","scope":"draft",
            "continue_from":{"model":"m","sections":[{"tag":"verse","vocal":[1],"instrumental":[2],"ended":"end_of_audio","unpaired":5}]},
            "replace_section":1,"instrumental":true,"target_seconds":[2.5],
            "output":{"sample_rate":16000,"stems":true,"loudness_lufs":-14,"fade_out_seconds":3},
            "sampling":{"temperature":0.9,"top_p":0.8,"top_k":7,"repetition_penalty":1.2,"guidance_scale":1.4},
            "reference":{"first_second":6,"start_seconds":7.5,"end_seconds":8.5}},
            "format":"mp3","client_job_id":"mine","warnings":["odd"],"trace_parent":"00-1-2-01"}
            """;
        Assert.Equal(OneLine(json), JobRows.ToJson(RequestRow.Of(request)));
        var read = JobRows.FromJson<RequestRow>(json).ToRequest();
        Assert.Equal(OneLine(json), JobRows.ToJson(RequestRow.Of(read)));
    }

    [Fact]
    public void A_stored_request_with_only_lyrics_has_the_defaults()
    {
        var read = JobRows.FromJson<RequestRow>("""{"song":{"lyrics":"la"},"format":null,"client_job_id":null,"warnings":[]}""")
            .ToRequest();
        Assert.Equal(new SongRequest { Lyrics = "la" }, read.Song);
    }

    [Fact]
    public void A_stored_song_has_this_form()
    {
        var json = """
            {"sample_rate":44100,"duration_seconds":1.5,"seed":2,"model":"m",
            "timings":{"queue_seconds":1,"stage1_seconds":2,"stage2_seconds":3,"decode_seconds":4,"total_seconds":10,
            "tokens_per_second":5,"real_time_factor":6},
            "sections":[{"tag":"verse","seconds":1.5,"tokens":150,"ended":"max_new_tokens","kept":true}],
            "warnings":["odd"],"tracks":["mix"],"stage":"finish",
            "reference":{"seconds":3,"tracks":2,"from_cache":true,"encode_seconds":0.5},
            "loudness":{"measured_lufs":-20,"measured_true_peak_dbtp":-3,"gain_db":6},"mix_lufs":-14.25}
            """;
        Assert.Equal(OneLine(json), JobRows.ToJson(SongRow.Of(JobRows.FromJson<SongRow>(json).ToSong())));
    }

    [Theory]
    [InlineData(FaultKind.Unsingable, "unsingable")]
    [InlineData(FaultKind.SongFailed, "song_failed")]
    [InlineData(FaultKind.SongDamaged, "song_damaged")]
    [InlineData(FaultKind.StorageUnavailable, "storage_unavailable")]
    [InlineData(FaultKind.EngineLost, "engine_lost")]
    [InlineData(FaultKind.InternalError, "internal_error")]
    internal void A_stored_fault_has_this_form(FaultKind kind, string name) =>
        Assert.Equal($$"""{"kind":"{{name}}","detail":"why"}""", JobRows.ToJson(new Fault(kind, "why")));

    private static string OneLine(string json) => json.ReplaceLineEndings("");

    private static string PathOf(JsonElement job) => job.GetProperty("links").GetProperty("self").GetString()!;

    private YueApp App() => new(("Yue:StateFolder", _state.Path));

    private void Execute(string statement)
    {
        using var connection = new SqliteConnection($"Data Source={_state["jobs.db"]};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }
}
