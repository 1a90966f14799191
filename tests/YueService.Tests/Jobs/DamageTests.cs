using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests that damaged rows and files affect only their own job, and that leftovers are deleted at startup.</summary>
public sealed class DamageTests : IDisposable
{
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Theory]
    [InlineData("request", "'{'")]
    [InlineData("request", "'null'")]
    [InlineData("request", "'{}'")]
    [InlineData("request", """'{"song":{"lyrics":null},"format":null,"client_job_id":null,"warnings":[]}'""")]
    [InlineData("song", "''")]
    [InlineData("song", "'{}'")]
    [InlineData("fault", "'5'")]
    [InlineData("files", "'[]'")]
    [InlineData("state", "'lost'")]
    [InlineData("created_ms", "9000000000000000000")]
    public async Task A_damaged_row_is_shown_as_a_failed_job_that_can_be_removed(string column, string value)
    {
        var damaged = await FinishAsync("one");
        var whole = await FinishAsync("two");
        Execute($"UPDATE jobs SET {column} = {value} WHERE id = '{IdOf(damaged)}'");
        await using var app = App();
        using var client = app.CreateClient();
        await AssertDamagedAsync(app, client, damaged);
        Assert.Equal("succeeded", await client.StateAsync(whole));
        Assert.Equal(2, (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
        using var removed = await client.DeleteAsync(damaged, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Single(Directory.GetDirectories(_state["songs"]));
        await client.WhenAsync(await client.SubmitAsync("three"), "succeeded");
    }

    [Theory]
    [InlineData("queued")]
    [InlineData("running")]
    public async Task A_damaged_row_of_an_unfinished_job_does_not_delay_the_others(string state)
    {
        var (damaged, other) = await InterruptAsync();
        Execute($$"""UPDATE jobs SET request = '{', state = '{{state}}' WHERE id = '{{IdOf(damaged)}}'""");
        await using var app = App();
        using var client = app.CreateClient();
        await AssertDamagedAsync(app, client, damaged);
        await client.WhenAsync(other, "succeeded");
        using var removed = await client.DeleteAsync(damaged, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"song":{},"files":{}}""")]
    public async Task An_interrupted_job_with_a_damaged_description_runs_again(string description)
    {
        var (job, _) = await InterruptAsync();
        var folder = Directory.CreateDirectory(Path.Combine(_state["songs"], IdOf(job))).FullName;
        File.WriteAllText(Path.Combine(folder, "song.json"), description);
        await using var app = App();
        using var client = app.CreateClient();
        await client.WhenAsync(job, "succeeded");
        Assert.Contains(app.Engine.Requests, request => request.Lyrics == "one");
        Assert.Contains(app.Log.Events, e => e.RenderMessage(null).Contains(IdOf(job), StringComparison.Ordinal)
            && e.RenderMessage(null).Contains("song.json", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task An_interrupted_job_runs_again_only_if_its_song_on_disk_is_truncated(bool truncated, bool byEarlierRelease)
    {
        var job = await FinishAsync("one");
        Execute("UPDATE jobs SET state = 'running', song = NULL, files = NULL");
        if (byEarlierRelease)
        {
            var description = FileOf(job, "song.json");
            File.WriteAllText(description, JsonNode.Parse(File.ReadAllText(description))!["song"]!.ToJsonString());
        }

        if (truncated)
        {
            Truncate(FileOf(job, "mix.wav"), 100);
        }

        await using var app = App();
        using var client = app.CreateClient();
        await client.WhenAsync(job, "succeeded");
        Assert.Equal(truncated ? 1 : 0, app.Engine.Requests.Count);
        Assert.NotEmpty(await client.GetByteArrayAsync(job + "/audio", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}")]
    public async Task Damaged_codes_count_as_missing(string codes)
    {
        var job = await FinishAsync("one");
        File.WriteAllText(FileOf(job, "codes.json"), codes);
        await using var app = App();
        using var client = app.CreateClient();
        using var response = await client.GetAsync(job + "/codes", TestContext.Current.CancellationToken);
        await response.ProblemAsync(HttpStatusCode.Conflict, "urn:yue:no-codes");
        Assert.Contains(app.Log.Events, e => e.RenderMessage(null).Contains(IdOf(job), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(100, false)]
    [InlineData(0, true)]
    [InlineData(100, true)]
    public async Task A_truncated_song_is_reported_in_every_format(int bytes, bool byEarlierRelease)
    {
        var job = await FinishAsync("one");
        if (byEarlierRelease)
        {
            Downgrade();
        }

        Truncate(FileOf(job, "mix.wav"), bytes);
        await using var app = App();
        using var client = app.CreateClient();
        foreach (var path in new[] { "audio?format=wav", "audio?format=mp3", "stream?format=wav", "stream?format=pcm", "peaks" })
        {
            using var response = await client.GetAsync($"{job}/{path}", TestContext.Current.CancellationToken);
            var problem = await response.ProblemAsync(HttpStatusCode.InternalServerError, "urn:yue:song-damaged");
            Assert.Contains(
                $"The stored file mix.wav has {bytes} bytes", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_truncated_file_in_another_format_is_encoded_again()
    {
        var job = await FinishAsync("one");
        await using var app = App();
        using var client = app.CreateClient();
        Assert.Equal("mp3", await client.GetStringAsync(job + "/audio?format=mp3", TestContext.Current.CancellationToken));
        Truncate(FileOf(job, "mix.mp3"), 1);
        Assert.Equal("mp3", await client.GetStringAsync(job + "/audio?format=mp3", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_database_of_an_earlier_release_opens_and_its_songs_play()
    {
        var job = await FinishAsync("one");
        Downgrade();
        await using var app = App();
        using var client = app.CreateClient();
        Assert.Equal("succeeded", await client.StateAsync(job));
        Assert.NotEmpty(await client.GetByteArrayAsync(job + "/audio", TestContext.Current.CancellationToken));
        Assert.Equal("mp3", await client.GetStringAsync(job + "/audio?format=mp3", TestContext.Current.CancellationToken));
        await client.WhenAsync(await client.SubmitAsync("two"), "succeeded");
    }

    [Fact]
    public async Task Leftovers_are_deleted_at_startup()
    {
        var job = await FinishAsync("one");
        File.WriteAllText(FileOf(job, "mix.mp3.0.part"), "half");
        var leftovers = new[] { ".writing-" + IdOf(job), new string('a', 32) };
        foreach (var folder in leftovers)
        {
            Directory.CreateDirectory(Path.Combine(_state["songs"], folder));
            File.WriteAllText(Path.Combine(_state["songs"], folder, "mix.wav"), "half");
        }

        Directory.CreateDirectory(Path.Combine(_state["songs"], "of the user"));
        await using var app = App();
        using var client = app.CreateClient();
        await client.GetJsonAsync("/v1/songs");
        Assert.Equal(
            new[] { IdOf(job), "of the user" }.Order(StringComparer.Ordinal),
            Directory.GetDirectories(_state["songs"]).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.GetFiles(_state.Path, "*.part", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Songs_are_kept_when_the_database_is_new()
    {
        var job = await FinishAsync("one");
        Array.ForEach(Directory.GetFiles(_state.Path, "jobs.db*"), File.Delete);
        await using var app = App();
        using var client = app.CreateClient();
        await client.GetJsonAsync("/v1/songs");
        Assert.True(File.Exists(FileOf(job, "mix.wav")));
        Assert.Contains(app.Log.Events, e => e.RenderMessage(null).Contains(IdOf(job), StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_unexpected_exception_in_the_job_service_ends_the_process()
    {
        var command = new Command { Configure = services => services.AddSingleton<IJobLog, BrokenStore>() };
        var code = await command.RunAsync("serve", "--urls", "http://127.0.0.1:0", $"--Yue:StateFolder={_state.Path}");
        Assert.Equal(ExitCode.Failure, code);
    }

    /// <summary>Checks that a job is shown as damaged, and that the log names it.</summary>
    private static async Task AssertDamagedAsync(YueApp app, HttpClient client, string job)
    {
        var shown = await client.WhenAsync(job, "failed");
        Assert.Equal("urn:yue:song-damaged", shown.GetProperty("error").GetProperty("type").GetString());
        Assert.Single(app.Log.Events, e => e.MessageTemplate.Text.Contains("is damaged", StringComparison.Ordinal)
            && e.RenderMessage(null).Contains(IdOf(job), StringComparison.Ordinal));
    }

    private YueApp App() => new(("Yue:StateFolder", _state.Path));

    /// <summary>Makes a song in a process that then ends abruptly.</summary>
    private async Task<string> FinishAsync(string lyrics)
    {
        await using var app = App();
        using var client = app.CreateClient();
        var job = await client.SubmitAsync(lyrics);
        await client.WhenAsync(job, "succeeded");
        SimulateKill(app);
        return job;
    }

    /// <summary>Ends a process abruptly while one job is running and one is queued.</summary>
    private async Task<(string Running, string Queued)> InterruptAsync()
    {
        await using var app = App();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var running = await client.SubmitAsync("one");
        await client.WhenAsync(running, "running");
        var queued = await client.SubmitAsync("two");
        SimulateKill(app);
        return (running, queued);
    }

    private static string IdOf(string job) => Path.GetFileName(job);

    private string FileOf(string job, string name) => Path.Combine(_state["songs"], IdOf(job), name);

    private static void Truncate(string path, int bytes)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.SetLength(bytes);
    }

    /// <summary>Changes the database to schema version 1, which is that of a release that did not store file sizes.</summary>
    private void Downgrade() => Execute("""
        ALTER TABLE jobs DROP COLUMN attempt;
        ALTER TABLE jobs DROP COLUMN folder;
        DROP TRIGGER callbacks_due;
        DROP TRIGGER callbacks_removed;
        DROP TABLE webhooks;
        ALTER TABLE jobs DROP COLUMN callback_url;
        DROP TRIGGER takes_removed;
        DROP TABLE song_groups;
        DROP INDEX jobs_by_group;
        ALTER TABLE jobs DROP COLUMN group_id;
        ALTER TABLE jobs DROP COLUMN take;
        DROP TRIGGER jobs_removed;
        DROP TABLE search_texts;
        DROP INDEX jobs_by_favourite;
        DROP INDEX jobs_by_parent;
        ALTER TABLE jobs DROP COLUMN title;
        ALTER TABLE jobs DROP COLUMN note;
        ALTER TABLE jobs DROP COLUMN favourite;
        ALTER TABLE jobs DROP COLUMN edits;
        ALTER TABLE jobs DROP COLUMN parent_id;
        ALTER TABLE jobs DROP COLUMN files;
        PRAGMA user_version = 1
        """);

    private void Execute(string statement)
    {
        using var connection = new SqliteConnection($"Data Source={_state["jobs.db"]};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }

    /// <summary>Closes the store so that the process can no longer write, as if it had been killed.</summary>
    private static void SimulateKill(YueApp app)
    {
        app.Services.GetRequiredService<JobSignals>().Stop();
        ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
    }

    /// <summary>A store with a bug.</summary>
    private sealed class BrokenStore : IJobLog
    {
        public bool IsNew => throw Bug();

        public bool IsShared => false;

        public string ProcessId => "";

        public Task OpenAsync(CancellationToken cancel) => throw Bug();

        public Task<Addition> AddAsync(
            IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel) => throw Bug();

        public Task<StoredJob?> FindAsync(string id, CancellationToken cancel) => throw Bug();

        public Task<StoredJob?> FindByKeyAsync(string key, string? owner, CancellationToken cancel) => throw Bug();

        public Task<StoredGroup?> FindGroupAsync(string id, CancellationToken cancel) => throw Bug();

        public Task<StoredGroup?> FindGroupByKeyAsync(string key, string? owner, CancellationToken cancel) => throw Bug();

        public Task<IReadOnlyList<StoredJob>> ListAsync(JobQuery query, CancellationToken cancel) => throw Bug();

        public Task<StoredJob?> EditAsync(string id, JobEdit edit, CancellationToken cancel) => throw Bug();

        public Task<IReadOnlyList<StoredJob>> ListUnfinishedAsync(CancellationToken cancel) => throw Bug();

        public Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel) => throw Bug();

        public Task<IReadOnlyList<StoredJob>> ListFinishedAsync(CancellationToken cancel) => throw Bug();

        public Task<bool> SetRunningAsync(StoredJob job, CancellationToken cancel) => throw Bug();

        public Task<bool> RequeueAsync(StoredJob job, bool interrupted, CancellationToken cancel) => throw Bug();

        public Task<bool> SucceedAsync(StoredJob job, SongOnDisk song, CancellationToken cancel) => throw Bug();

        public Task<bool> SetFileSizeAsync(string id, string file, long bytes, CancellationToken cancel) => throw Bug();

        public Task<bool> FailAsync(StoredJob job, Fault fault, CancellationToken cancel) => throw Bug();

        public Task<bool> CancelAsync(StoredJob job, CancellationToken cancel) => throw Bug();

        public Task<IReadOnlyList<DueWebhook>> ListWebhooksAsync(int count, CancellationToken cancel) => throw Bug();

        public Task<DueWebhook?> HoldWebhookAsync(DueWebhook webhook, TimeSpan time, CancellationToken cancel) => throw Bug();

        public Task DelayWebhookAsync(DueWebhook webhook, CancellationToken cancel) => throw Bug();

        public Task RemoveWebhookAsync(DueWebhook webhook, CancellationToken cancel) => throw Bug();

        public Task<bool> RemoveAsync(string id, CancellationToken cancel) => throw Bug();

        private static InvalidOperationException Bug() => new("a bug in the store");
    }
}
