using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests that errors are clear if the state folder fails, and that <c>/predict</c> still makes songs.</summary>
public sealed class StorageFaultTests
{
    private const int NoSpace = 28;

    [Fact]
    public async Task A_state_folder_that_cannot_be_created_causes_a_503_and_is_retried()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["state"], "a file where the folder should be");
        await using var app = new YueApp(("Yue:StateFolder", folder["state"]));
        using var client = app.CreateClient();
        await AssertRefusedAsync(client, "state folder");
        await AssertStillSingsAsync(client);
        var first = await OpenErrorAsync(app);
        await Eventually.TrueAsync(async () => await OpenErrorAsync(app) != first);
        File.Delete(folder["state"]);
        await Eventually.TrueAsync(async () => (await client.GetAsync("/v1/songs")).IsSuccessStatusCode);
        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
        Assert.Single(app.Log.Events, e => e.MessageTemplate.Text.StartsWith("Jobs cannot be accepted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_that_another_process_uses_causes_a_503()
    {
        using var folder = new TemporaryFolder();
        await using var first = new YueApp(("Yue:StateFolder", folder.Path));
        using var owner = first.CreateClient();
        await owner.GetJsonAsync("/v1/songs");
        await using var second = new YueApp(("Yue:StateFolder", folder.Path));
        using var client = second.CreateClient();
        await AssertRefusedAsync(client, "Another process is using the state folder: stop it, or set Yue:StateFolder to another folder.");
        await AssertStillSingsAsync(client);
        var logged = second.Log.Events.First(e => e.MessageTemplate.Text.StartsWith("Jobs cannot be accepted", StringComparison.Ordinal));
        Assert.Null(logged.Exception);
        Assert.Contains(folder.Path, logged.RenderMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_locked_database_causes_a_503_until_it_is_free()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        await client.GetJsonAsync("/v1/songs");
        using (Lock(app.StateFolder))
        {
            await AssertRefusedAsync(client, "locked by another program");
            await client.GetJsonAsync("/v1/songs");
            await AssertStillSingsAsync(client);
        }

        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
    }

    [Fact]
    public async Task A_damaged_database_causes_a_503_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["jobs.db"], string.Concat(Enumerable.Repeat("not a database ", 1000)));
        await using var app = new YueApp(("Yue:StateFolder", folder.Path));
        using var client = app.CreateClient();
        await AssertRefusedAsync(client, "damaged");
        await AssertStillSingsAsync(client);
    }

    [Fact]
    public async Task A_full_disk_fails_the_job_with_the_reason_and_the_next_one_works()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        app.Services.GetRequiredService<SongFolder>().Reached = step => FailAt("write mix.wav", step);
        var error = (await client.WhenAsync(await client.SubmitAsync("one"), "failed")).GetProperty("error");
        Assert.Equal("urn:yue:storage-unavailable", error.GetProperty("type").GetString());
        Assert.Contains("disk of the state folder is full", error.GetProperty("detail").GetString(), StringComparison.Ordinal);
        app.Services.GetRequiredService<SongFolder>().Reached = null;
        await client.WhenAsync(await client.SubmitAsync("two"), "succeeded");
    }

    [Fact]
    public async Task A_job_stays_running_until_its_end_can_be_stored()
    {
        await using var app = new YueApp();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "running");
        await WhenStoredRunningAsync(app, job);
        using var events = await EventStream.OpenAsync(client, job);
        using (Lock(app.StateFolder))
        {
            stage["one"].Finish();
            await WhenLoggedAsync(app, "could not be stored");
            var waiting = await client.GetJsonAsync(job);
            Assert.Equal("running", waiting.GetProperty("state").GetString());
            Assert.Contains("locked by another program", waiting.GetProperty("delay_reason").GetString(), StringComparison.Ordinal);
        }

        await client.WhenAsync(job, "succeeded");
        Assert.DoesNotContain(await events.RestAsync(), e => e.Name == "failed");
    }

    [Fact]
    public async Task Cancelling_a_job_whose_end_cannot_be_stored_returns_202_and_the_reason()
    {
        await using var app = new YueApp();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "running");
        await WhenStoredRunningAsync(app, job);
        using (Lock(app.StateFolder))
        {
            using var first = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
            await WhenLoggedAsync(app, "could not be stored");
            using var again = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
            var note = (await again.JsonAsync()).GetProperty("delay_reason").GetString();
            Assert.Contains("as soon as its end can be stored", note, StringComparison.Ordinal);
        }

        await client.WhenAsync(job, "cancelled");
    }

    [Fact]
    public async Task A_drain_does_not_wait_for_an_end_that_cannot_be_stored()
    {
        using var folder = new TemporaryFolder();
        string job;
        await using (var app = new YueApp(("Yue:StateFolder", folder.Path)))
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            job = await client.SubmitAsync("one");
            await client.WhenAsync(job, "running");
            await WhenStoredRunningAsync(app, job);
            using var events = await EventStream.OpenAsync(client, job);
            var store = (IDisposable)app.Services.GetRequiredService<IJobLog>();
            using (Lock(folder.Path))
            {
                stage["one"].Finish();
                await WhenLoggedAsync(app, "could not be stored");
                await app.Services.GetRequiredService<Microsoft.Extensions.Hosting.IHost>()
                    .StopAsync(TestContext.Current.CancellationToken);
                Assert.DoesNotContain(await events.RestAsync(), e => e.Id == "end");
                await WhenLoggedAsync(app, "the next process completes the job");
            }

            // The store is closed here, because the program closes it on another thread, perhaps after the next process starts.
            store.Dispose();
        }

        await using (var app = new YueApp(("Yue:StateFolder", folder.Path)))
        {
            using var client = app.CreateClient();
            await client.WhenAsync(job, "succeeded");
            Assert.Empty(app.Engine.Requests);
        }
    }

    [Fact]
    public async Task A_removal_that_cannot_be_stored_changes_nothing()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        using (Lock(app.StateFolder))
        {
            using var refused = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
            await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
            Assert.Equal("succeeded", await client.StateAsync(job));
            Assert.NotEmpty(await client.GetByteArrayAsync(job + "/audio", TestContext.Current.CancellationToken));
        }

        using var removed = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
    }

    [Fact]
    public async Task A_job_whose_files_cannot_be_deleted_is_removed()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        app.Services.GetRequiredService<SongFolder>().Reached = step => FailAt("delete", step);
        using var removed = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        using var audio = await client.GetAsync(job + "/audio", TestContext.Current.CancellationToken);
        await audio.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData("write mix.wav")]
    [InlineData("write song.json")]
    public async Task A_song_that_cannot_be_written_leaves_no_files(string step)
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        app.Services.GetRequiredService<SongFolder>().Reached = reached => FailAt(step, reached);
        await client.WhenAsync(await client.SubmitAsync("one"), "failed");
        Assert.Empty(Directory.CreateDirectory(Path.Combine(app.StateFolder, "songs")).GetDirectories());
    }

    [Fact]
    public async Task A_file_in_another_format_that_cannot_be_written_leaves_no_partial_file()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        app.Services.GetRequiredService<SongFolder>().Reached = reached => FailAt("add", reached);
        using var refused = await client.GetAsync(job + "/audio?format=mp3", TestContext.Current.CancellationToken);
        await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        Assert.Empty(Directory.GetFiles(app.StateFolder, "*.part", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Readiness_returns_503_while_jobs_cannot_be_stored()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
        Assert.Null(await RefusalAsync(client, HttpStatusCode.OK));
        using (Lock(app.StateFolder))
        {
            await AssertRefusedAsync(client, "locked by another program");
            Assert.Contains(
                "locked by another program", await RefusalAsync(client, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        }

        await Eventually.TrueAsync(() => client.GetAsync("/health/ready").Result.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_state_folder_that_disappears_causes_a_503_until_it_is_restored(bool replaced)
    {
        using var folder = new TemporaryFolder();
        await using var app = new YueApp(("Yue:StateFolder", folder["state"]));
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        Directory.Move(folder["state"], folder["away"]);
        if (replaced)
        {
            Directory.CreateDirectory(folder["state"]);
            foreach (var file in Directory.GetFiles(folder["away"]))
            {
                File.WriteAllText(Path.Combine(folder["state"], Path.GetFileName(file)), "");
            }
        }

        await AssertRefusedAsync(client, "Restore it, or restart the service");
        using var audio = await client.GetAsync(job + "/audio", TestContext.Current.CancellationToken);
        await audio.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        Assert.Contains(
            "deleted, replaced or unmounted", await RefusalAsync(client, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        await AssertStillSingsAsync(client);
        Assert.Equal(replaced, Directory.Exists(folder["state"]));

        if (replaced)
        {
            Directory.Delete(folder["state"], recursive: true);
        }

        Directory.Move(folder["away"], folder["state"]);
        await client.WhenAsync(await client.SubmitAsync("two"), "succeeded");
        Assert.NotEmpty(await client.GetByteArrayAsync(job + "/audio", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_running_service_whose_database_is_deleted_returns_503()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
        File.Delete(Path.Combine(app.StateFolder, "jobs.db"));
        await AssertRefusedAsync(client, "restart the service");
        Assert.NotNull(await RefusalAsync(client, HttpStatusCode.ServiceUnavailable));
        Assert.False(File.Exists(Path.Combine(app.StateFolder, "jobs.db")));
    }

    private static void FailAt(string step, string reached)
    {
        if (step == reached)
        {
            throw new IOException("No space left on device", NoSpace);
        }
    }

    /// <summary>Locks the database against writes until the returned connection is disposed.</summary>
    private static SqliteConnection Lock(string folder)
    {
        var other = new SqliteConnection($"Data Source={Path.Combine(folder, "jobs.db")};Pooling=False");
        other.Open();
        using var command = other.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        command.ExecuteNonQuery();
        return other;
    }

    private static Task WhenLoggedAsync(YueApp app, string text) =>
        Eventually.TrueAsync(() => app.Log.Events.Any(e => e.MessageTemplate.Text.Contains(text, StringComparison.Ordinal)));

    private static Task WhenStoredRunningAsync(YueApp app, string job) => Eventually.TrueAsync(
        async () =>
            await app.Services.GetRequiredService<IJobLog>().FindAsync(Path.GetFileName(job), TestContext.Current.CancellationToken) is
            {
                State: JobState.Running,
            });

    /// <summary>Returns the reason why jobs are refused, from the readiness response.</summary>
    private static async Task<string?> RefusalAsync(HttpClient client, HttpStatusCode status)
    {
        using var response = await client.GetAsync("/health/ready", TestContext.Current.CancellationToken);
        Assert.Equal(status, response.StatusCode);
        return (await response.JsonAsync()).GetProperty("jobs_refused").GetString();
    }

    /// <summary>Returns the error of the latest attempt to open the store.</summary>
    private static async Task<Exception> OpenErrorAsync(YueApp app) =>
        (await Assert.ThrowsAsync<StorageException>(
            () => app.Services.GetRequiredService<JobSignals>().WhenOpenAsync(TestContext.Current.CancellationToken))).InnerException!;

    private static async Task AssertRefusedAsync(HttpClient client, string expected)
    {
        using var response = await client.PostSongAsync("""{"lyrics":"one"}""");
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        Assert.Contains(expected, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    private static async Task AssertStillSingsAsync(HttpClient client)
    {
        using var song = await client.PredictAsync("""{"lyrics":"la"}""");
        await song.SongAsync();
        using var health = await client.GetAsync("/health", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }
}
