using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>A state folder that fails is a clear error; the service lives and still sings for callers that wait.</summary>
public sealed class StorageFaultTests
{
    private const int NoSpace = 28;

    [Fact]
    public async Task A_state_folder_that_cannot_be_made_is_a_503_and_is_tried_again()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["state"], "a file where the folder should be");
        await using var app = new YueApp(("Yue:StateFolder", folder["state"]));
        using var client = app.CreateClient();
        await RefusedAsync(client, "state folder");
        await StillSingsAsync(client);
        var first = await ClosedAsync(app);
        await Eventually.TrueAsync(async () => await ClosedAsync(app) != first);
        File.Delete(folder["state"]);
        await Eventually.TrueAsync(async () => (await client.GetAsync("/v1/songs")).IsSuccessStatusCode);
        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
        Assert.Single(app.Log.Events, e => e.MessageTemplate.Text.StartsWith("Jobs cannot be taken", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_that_another_process_has_is_a_503()
    {
        using var folder = new TemporaryFolder();
        await using var first = new YueApp(("Yue:StateFolder", folder.Path));
        using var owner = first.CreateClient();
        await owner.GetJsonAsync("/v1/songs");
        await using var second = new YueApp(("Yue:StateFolder", folder.Path));
        using var client = second.CreateClient();
        await RefusedAsync(client, "Another process uses the state folder: stop it, or set Yue:StateFolder to another folder.");
        await StillSingsAsync(client);
        var logged = second.Log.Events.First(e => e.MessageTemplate.Text.StartsWith("Jobs cannot be taken", StringComparison.Ordinal));
        Assert.Null(logged.Exception);
        Assert.Contains(folder.Path, logged.RenderMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_locked_database_is_a_503_until_it_is_free()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        await client.GetJsonAsync("/v1/songs");
        await using (var other = new SqliteConnection($"Data Source={Path.Combine(app.StateFolder, "jobs.db")};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            await RefusedAsync(client, "locked by another program");
            await client.GetJsonAsync("/v1/songs");
            await StillSingsAsync(client);
        }

        await client.WhenAsync(await client.SubmitAsync("one"), "succeeded");
    }

    [Fact]
    public async Task A_damaged_database_is_a_503_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["jobs.db"], string.Concat(Enumerable.Repeat("not a database ", 1000)));
        await using var app = new YueApp(("Yue:StateFolder", folder.Path));
        using var client = app.CreateClient();
        await RefusedAsync(client, "damaged");
        await StillSingsAsync(client);
    }

    [Fact]
    public async Task A_full_disk_fails_the_job_with_the_reason_and_the_next_one_works()
    {
        await using var app = new YueApp();
        using var client = app.CreateClient();
        app.Services.GetRequiredService<SongFolder>().Reached = step =>
        {
            if (step == "write mix")
            {
                throw new IOException("No space left on device", NoSpace);
            }
        };
        var error = (await client.WhenAsync(await client.SubmitAsync("one"), "failed")).GetProperty("error");
        Assert.Equal("urn:yue:storage-unavailable", error.GetProperty("type").GetString());
        Assert.Contains("disk of the state folder is full", error.GetProperty("detail").GetString(), StringComparison.Ordinal);
        app.Services.GetRequiredService<SongFolder>().Reached = null;
        await client.WhenAsync(await client.SubmitAsync("two"), "succeeded");
    }

    [Fact]
    public async Task An_end_that_cannot_be_stored_is_stored_as_soon_as_it_can()
    {
        await using var app = new YueApp();
        using var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "running");
        await using (var other = new SqliteConnection($"Data Source={Path.Combine(app.StateFolder, "jobs.db")};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            stage["one"].Finish();
            var error = (await client.WhenAsync(job, "failed")).GetProperty("error");
            Assert.Equal("urn:yue:storage-unavailable", error.GetProperty("type").GetString());
        }

        await client.WhenAsync(job, "succeeded");
    }

    /// <summary>Returns the failure of the latest try to open the store.</summary>
    private static async Task<Exception> ClosedAsync(YueApp app) =>
        (await Assert.ThrowsAsync<StorageException>(
            () => app.Services.GetRequiredService<JobSignals>().WhenOpenAsync(TestContext.Current.CancellationToken))).InnerException!;

    private static async Task RefusedAsync(HttpClient client, string says)
    {
        using var response = await client.PostSongAsync("""{"lyrics":"one"}""");
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        Assert.Contains(says, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    private static async Task StillSingsAsync(HttpClient client)
    {
        using var song = await client.PredictAsync("""{"lyrics":"la"}""");
        await song.SongAsync();
        using var health = await client.GetAsync("/health", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }
}
