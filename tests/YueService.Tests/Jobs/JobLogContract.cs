using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>The tests that every job log must pass, regardless of its database.</summary>
public abstract class JobLogContract
{
    private protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private protected abstract IJobLog Log { get; }

    [Fact]
    public async Task An_added_job_is_found_unchanged()
    {
        var request = Request("[verse]\nla \u0000 'la' \"la\" 🎵 ẞ") with
        {
            Title = "O'Neill \u0000",
            ParentId = "parent",
            CallbackUrl = "https://example.org/",
            Format = AudioFormat.Flac,
            ClientJobId = "mine",
            Warnings = ["one", "two"],
        };
        var added = await AddAsync(new NewJob("a", request, "key", "hash") { Files = new Dictionary<string, long> { ["a-0.f32"] = 12 } });
        var found = (await Log.FindAsync("a", Cancel))!;
        Assert.Equal(added.Number, found.Number);
        Assert.Equal((JobState.Queued, "hash", 0), (found.State, found.BodyHash, found.Attempt));
        Assert.Equal(request.Song.Lyrics, found.Request.Song.Lyrics);
        Assert.Equal(12, found.Files!["a-0.f32"]);
        Assert.Equal(
            request with { Song = found.Request.Song, Warnings = found.Request.Warnings, Title = found.Request.Title }, found.Request);
        Assert.StartsWith("O'Neill ", found.Request.Title, StringComparison.Ordinal);
        Assert.Equal(["one", "two"], found.Request.Warnings);
        Assert.InRange(found.CreatedAt, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal("a", (await Log.FindByKeyAsync("key", null, Cancel))!.Id);
        Assert.Null(await Log.FindAsync("b", Cancel));
        Assert.Null(await Log.FindByKeyAsync("other", null, Cancel));
    }

    [Fact]
    public async Task A_request_with_an_idempotency_key_that_is_in_use_adds_no_job()
    {
        await AddAsync(new NewJob("a", Request("one"), "key", "hash"));
        Assert.Equal(IntakeOutcome.KeyTaken, (await Log.AddAsync([new("b", Request("two"), "key", "hash")], null, Cancel)).Outcome);
        var group = new NewGroup("g", "group-key", "hash", null);
        Assert.Equal(IntakeOutcome.Accepted, (await Log.AddAsync([Take("c", 1), Take("d", 2)], group, Cancel)).Outcome);
        Assert.Equal(
            IntakeOutcome.KeyTaken,
            (await Log.AddAsync([Take("e", 1) with { Take = new("h", 1) }], group with { Id = "h" }, Cancel)).Outcome);
        Assert.Equal(["d", "c", "a"], (await Log.ListAsync(new JobQuery(10), Cancel)).Select(job => job.Id));
    }

    [Fact]
    public async Task Owners_do_not_share_idempotency_keys()
    {
        await AddAsync(new NewJob("a", Request("la"), "key", "hash") { Owner = "one" });
        await AddAsync(new NewJob("b", Request("la"), "key", "hash") { Owner = "two" });
        Assert.Equal("one", (await Log.FindAsync("a", Cancel))!.Owner);
        Assert.Equal("a", (await Log.FindByKeyAsync("key", "one", Cancel))!.Id);
        Assert.Equal("b", (await Log.FindByKeyAsync("key", "two", Cancel))!.Id);
        Assert.Null(await Log.FindByKeyAsync("key", "three", Cancel));
        Assert.Equal(
            IntakeOutcome.KeyTaken,
            (await Log.AddAsync([new NewJob("c", Request("la"), "key", "hash") { Owner = "one" }], null, Cancel)).Outcome);

        await Log.AddAsync([Take("d", 1)], new NewGroup("g", "group-key", "hash", "one"), Cancel);
        await Log.AddAsync([Take("e", 1) with { Take = new("h", 1) }], new NewGroup("h", "group-key", "hash", "two"), Cancel);
        Assert.Equal("g", (await Log.FindGroupByKeyAsync("group-key", "one", Cancel))!.Id);
        Assert.Equal("h", (await Log.FindGroupByKeyAsync("group-key", "two", Cancel))!.Id);
        Assert.Null(await Log.FindGroupByKeyAsync("group-key", "three", Cancel));

        // A key that was stored without an owner applies to all callers.
        await AddAsync(new NewJob("f", Request("la"), "old", "hash"));
        Assert.Equal("f", (await Log.FindByKeyAsync("old", "one", Cancel))!.Id);
    }

    [Fact]
    public async Task A_group_has_its_jobs_in_order_until_the_last_one_is_removed()
    {
        await Log.AddAsync([Take("a", 1), Take("b", 2)], new NewGroup("g", "key", "hash", null), Cancel);
        var group = (await Log.FindGroupAsync("g", Cancel))!;
        Assert.Equal(("g", "hash"), (group.Id, group.BodyHash));
        Assert.Equal(["a", "b"], group.Takes.Select(take => take.Id));
        Assert.Equal("g", (await Log.FindGroupByKeyAsync("key", null, Cancel))!.Id);
        Assert.True(await Log.RemoveAsync("a", Cancel));
        Assert.Equal(2, Assert.Single((await Log.FindGroupAsync("g", Cancel))!.Takes).Take!.Number);
        Assert.True(await Log.RemoveAsync("b", Cancel));
        Assert.False(await Log.RemoveAsync("b", Cancel));
        Assert.Null(await Log.FindGroupAsync("g", Cancel));
        Assert.Equal(IntakeOutcome.Accepted, (await Log.AddAsync([Take("c", 1)], new NewGroup("g", "key", "hash", null), Cancel)).Outcome);
    }

    [Fact]
    public async Task A_job_that_is_queued_again_after_an_interruption_can_succeed()
    {
        var job = await AddAsync("a");
        Assert.True(await Log.SetRunningAsync(job, Cancel));
        Assert.NotNull((await Log.FindAsync("a", Cancel))!.StartedAt);
        Assert.True(await Log.RequeueAsync(job, interrupted: true, Cancel));
        var again = (await Log.FindAsync("a", Cancel))!;
        Assert.Equal((JobState.Queued, 1, null), (again.State, again.Interruptions, again.StartedAt));
        Assert.True(await Log.SetRunningAsync(again, Cancel));
        Assert.True(await Log.SucceedAsync(again, Song() with { Folder = "a/1-x" }, Cancel));
        var done = (await Log.FindAsync("a", Cancel))!;
        Assert.Equal((JobState.Succeeded, "a/1-x", 44), (done.State, done.Folder, done.Files!["mix.wav"]));
        Assert.NotNull(done.FinishedAt);
        Assert.Equal("en-cot", done.Song!.Model);
        await Log.SetFileSizeAsync("a", "mix.mp3", 7, Cancel);
        Assert.Equal([7L, 44L], (await Log.FindAsync("a", Cancel))!.Files!.Values.Order());
    }

    [Fact]
    public async Task The_end_of_a_job_is_final()
    {
        var job = await AddAsync("a");
        Assert.True(await Log.FailAsync(job, new Fault(FaultKind.SongFailed, "why"), Cancel));
        Assert.False(await Log.SucceedAsync(job, Song(), Cancel));
        Assert.False(await Log.CancelAsync(job, Cancel));
        Assert.False(await Log.RequeueAsync(job, interrupted: false, Cancel));
        Assert.False(await Log.SetRunningAsync(job, Cancel));
        var failed = (await Log.FindAsync("a", Cancel))!;
        Assert.Equal((JobState.Failed, "why"), (failed.State, failed.Fault!.Detail));
    }

    [Fact]
    public async Task Only_the_current_attempt_can_change_a_job()
    {
        var job = await AddAsync("a");
        var other = job with { Attempt = job.Attempt + 1 };
        Assert.False(await Log.SetRunningAsync(other, Cancel));
        Assert.False(await Log.SucceedAsync(other, Song(), Cancel));
        Assert.False(await Log.FailAsync(other, new Fault(FaultKind.SongFailed, "why"), Cancel));
        Assert.False(await Log.CancelAsync(other, Cancel));
        Assert.False(await Log.RequeueAsync(other, interrupted: true, Cancel));
        var found = (await Log.FindAsync("a", Cancel))!;
        Assert.Equal((JobState.Queued, 0), (found.State, found.Interruptions));
    }

    [Fact]
    public async Task Codes_that_a_song_continues_from_are_removed_when_the_job_ends()
    {
        var codes = new SongCodes("en-cot", []);
        var request = Request("la");
        var job = await AddAsync(new NewJob("a", request with { Song = request.Song with { ContinueFrom = codes } }, null, null));
        Assert.NotNull((await Log.FindAsync("a", Cancel))!.Request.Song.ContinueFrom);
        await Log.CancelAsync(job, Cancel);
        var ended = (await Log.FindAsync("a", Cancel))!;
        Assert.Null(ended.Request.Song.ContinueFrom);
        Assert.Equal("la", ended.Request.Song.Lyrics);
    }

    [Fact]
    public async Task Lists_are_ordered_and_filtered()
    {
        foreach (var (id, lyrics) in new[] { ("a", "Élan VITAL"), ("b", "50%_off"), ("c", "vital") })
        {
            await AddAsync(new NewJob(id, Request(lyrics) with { ParentId = id == "c" ? "a" : null }, null, null));
        }

        await Log.EditAsync("b", new JobEdit { IsFavourite = true, Title = "Straße" }, Cancel);
        await Log.CancelAsync((await Log.FindAsync("a", Cancel))!, Cancel);
        Assert.Equal("c b a", await IdsAsync(new(10)));
        Assert.Equal("c b", await IdsAsync(new(2)));
        Assert.Equal("a", await IdsAsync(new(10) { Before = (await Log.FindAsync("b", Cancel))!.Number }));
        Assert.Equal("c a", await IdsAsync(new(10) { Text = "vital" }));
        Assert.Equal("a", await IdsAsync(new(10) { Text = "e\u0301LAN" }));
        Assert.Equal("b", await IdsAsync(new(10) { Text = "0%_o" }));
        Assert.Equal("b", await IdsAsync(new(10) { Text = "stra" }));
        Assert.Equal("c b", await IdsAsync(new(10) { State = JobState.Queued }));
        Assert.Equal("b", await IdsAsync(new(10) { IsFavourite = true }));
        Assert.Equal("c a", await IdsAsync(new(10) { IsFavourite = false }));
        Assert.Equal("c", await IdsAsync(new(10) { ParentId = "a" }));
        Assert.Equal(["b", "c"], (await Log.ListUnfinishedAsync(Cancel)).Select(job => job.Id));
        Assert.Equal(["a"], (await Log.ListFinishedAsync(Cancel)).Select(job => job.Id));
        Assert.Equal(["a", "b", "c"], (await Log.ListIdsAsync(Cancel)).Order());
        await Log.RemoveAsync("c", Cancel);
        Assert.Equal("a", await IdsAsync(new(10) { Text = "vital" }));
    }

    [Fact]
    public async Task An_edit_applies_only_to_the_version_that_it_is_based_on()
    {
        await AddAsync("a");
        var first = (await Log.EditAsync("a", new JobEdit { Title = "one", Note = "n", BasedOn = 0 }, Cancel))!;
        Assert.Equal(("one", "n", 1L), (first.Request.Title, first.Note, first.Edits));
        Assert.Null(await Log.EditAsync("a", new JobEdit { Title = "two", BasedOn = 0 }, Cancel));
        var second = (await Log.EditAsync("a", new JobEdit { Note = "" }, Cancel))!;
        Assert.Equal(("one", null, false), (second.Request.Title, second.Note, second.IsFavourite));
        Assert.Null(await Log.EditAsync("b", new JobEdit { Title = "two" }, Cancel));
    }

    [Fact]
    public async Task The_end_of_a_job_with_a_callback_makes_a_webhook_due()
    {
        var job = await AddAsync(new NewJob("a", Request("la") with { CallbackUrl = "https://example.org/" }, null, null));
        Assert.Empty(await Log.ListWebhooksAsync(10, Cancel));
        await Log.CancelAsync(job, Cancel);
        var due = Assert.Single(await Log.ListWebhooksAsync(10, Cancel));
        Assert.Equal(("a", 0), (due.JobId, due.Attempts));
        var held = (await Log.HoldWebhookAsync(due, TimeSpan.FromMinutes(1), Cancel))!;
        var later = DateTimeOffset.FromUnixTimeMilliseconds(1_900_000_000_000);
        await Log.DelayWebhookAsync(held with { Attempts = 1, Next = later }, Cancel);
        due = Assert.Single(await Log.ListWebhooksAsync(10, Cancel));
        Assert.Equal((1, later), (due.Attempts, due.Next));
        await Log.RemoveWebhookAsync(due, Cancel);
        Assert.Empty(await Log.ListWebhooksAsync(10, Cancel));
    }

    [Fact]
    public async Task Concurrent_requests_create_one_job_per_key()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(
            () => Log.AddAsync([new(NewJob.NewId(), Request("la"), $"key-{i % 6}", null)], null, Cancel), Cancel)));
        Assert.Equal(6, outcomes.Count(outcome => outcome.Outcome == IntakeOutcome.Accepted));
        Assert.Equal(6, (await Log.ListAsync(new JobQuery(100), Cancel)).Count);
    }

    private protected static JobRequest Request(string lyrics) => new(new SongRequest { Lyrics = lyrics }, null, null, []);

    internal static SongOnDisk Song() => new(
        StoredSong.Of(
            FakeSongEngine.Song(new SongRequest { Lyrics = "la" }), Request("la"), new EncodedSong([], null, null, null, []), ["mix"]),
        new Dictionary<string, long> { ["mix.wav"] = 44 });

    private protected Task<StoredJob> AddAsync(string id) => AddAsync(new NewJob(id, Request("la"), null, null));

    private protected async Task<StoredJob> AddAsync(NewJob job) => Assert.Single((await Log.AddAsync([job], null, Cancel)).Jobs);

    private static NewJob Take(string id, int number) => new(id, Request("la"), null, null) { Take = new("g", number) };

    private async Task<string> IdsAsync(JobQuery query) => string.Join(' ', (await Log.ListAsync(query, Cancel)).Select(job => job.Id));
}
