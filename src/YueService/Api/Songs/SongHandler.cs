using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary><c>/v1/songs</c>: accepts, shows, lists, edits, cancels and removes jobs.</summary>
internal sealed class SongHandler(JobStore jobs, JobEstimate estimate, SongSubmitter submitter, BodyReader bodies)
{
    private const int DefaultPage = 20;
    private const int MaxPage = 100;

    private static readonly Dictionary<string, JobState> States =
        Enum.GetValues<JobState>().ToDictionary(state => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString()));

    private static readonly Dictionary<string, bool> Flags = new() { ["true"] = true, ["false"] = false };

    /// <summary>Queues a song.</summary>
    /// <remarks>Returns immediately; poll the URL in Location, or watch the job's events. The same Idempotency-Key and body return the
    /// same job.</remarks>
    /// <response code="202">Queued; Location is the URL of the job, or of the group of jobs if takes is 2 or more.</response>
    /// <response code="422">Fields are invalid; all of them are listed. Or the Idempotency-Key was already used with another
    /// body.</response>
    /// <response code="429">The queue is full; Retry-After says when to try again.</response>
    /// <response code="503">The models are not loaded, or jobs cannot be stored.</response>
    public Task<Results<Accepted<SongJobResponse>, Accepted<SongGroupResponse>, ProblemHttpResult>> CreateAsync(HttpContext http) =>
        submitter.SubmitAsync(http, accepted: null, hasTakes: true);

    /// <summary>Lists jobs, newest first.</summary>
    /// <response code="200">A page of jobs; next_cursor is the cursor of the next page.</response>
    /// <response code="422">A parameter is invalid.</response>
    public async Task<Results<Ok<SongJobList>, ProblemHttpResult>> ListAsync(HttpContext http)
    {
        var findings = new RequestFindings();
        var query = new QueryReader(http, findings);
        var limit = query.Number("limit", MaxPage) ?? DefaultPage;
        var cursor = query.Number("cursor", long.MaxValue);
        var state = query.ValueOf("state", States);
        var favourite = query.ValueOf("favourite", Flags);
        var text = query.Text("q");
        var parent = query.Text("parent");
        query.Finish();
        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        // One more job than requested, to find out whether there is another page.
        var wanted = new JobQuery((int)limit + 1)
        {
            Before = cursor,
            Text = text,
            State = state,
            IsFavourite = favourite,
            ParentId = parent,
        };
        var found = await jobs.ListAsync(wanted, http.RequestAborted);
        var page = found.Take((int)limit).ToList();
        var next = found.Count > page.Count ? page[^1].Job.Number.ToString(CultureInfo.InvariantCulture) : null;
        return TypedResults.Ok(new SongJobList([.. page.Select(job => SongViews.Show(job, estimate, withLyrics: false))], next));
    }

    /// <summary>Shows a job.</summary>
    /// <response code="200">The job as it is now.</response>
    /// <response code="404">There is no such job, or it was removed.</response>
    public async Task<Results<Ok<SongJobResponse>, ProblemHttpResult>> GetAsync(HttpContext http, string id)
    {
        http.Response.Headers.CacheControl = "no-store";
        return await jobs.FindAsync(id, http.RequestAborted) is { } view ? TypedResults.Ok(Show(http, view)) : NoJob(http, id);
    }

    /// <summary>Changes the title, favorite mark or note of a song.</summary>
    /// <remarks>A JSON merge patch: absent fields are not changed. With If-Match, the change is made only if the song has not been changed
    /// since.</remarks>
    /// <response code="200">The job after the change.</response>
    /// <response code="404">There is no such job, or it was removed.</response>
    /// <response code="412">If-Match does not match: the title, favorite mark or note has been changed.</response>
    /// <response code="422">Fields are invalid; all of them are listed.</response>
    public async Task<Results<Ok<SongJobResponse>, ProblemHttpResult>> EditAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return NoJob(http, id);
        }

        var (body, unreadable) = await bodies.ReadJsonAsync(http);
        if (body is null)
        {
            return unreadable!;
        }

        JobEdit edit;
        RequestFindings findings;
        using (body)
        {
            edit = SongEditReader.Read(body.Json, view.Job, out findings);
        }

        if (!findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        var (matches, basedOn) = SongVersion.Expected(http.Request, view.Job);
        if (matches && !edit.Changes(view.Job))
        {
            return TypedResults.Ok(Show(http, view));
        }

        var edited = matches ? await jobs.EditAsync(id, edit with { BasedOn = basedOn }, http.RequestAborted) : null;
        return edited is not null ? TypedResults.Ok(Show(http, edited))
            : await jobs.FindAsync(id, http.RequestAborted) is null ? NoJob(http, id)
            : Problems.Create(
                http,
                ProblemType.ChangedSince,
                "The song's title, favorite mark or note has been changed. Get the song and send the change with its new ETag.");
    }

    /// <summary>Cancels a job that is queued or running; removes one that is finished, with its song.</summary>
    /// <response code="200">The cancelled job; its place in the queue is free.</response>
    /// <response code="202">The job did not end within a second; its delay_reason says why. Location is the job's URL.</response>
    /// <response code="204">The finished job and its song are removed.</response>
    /// <response code="404">There is no such job, or it was removed.</response>
    public async Task<Results<Ok<SongJobResponse>, Accepted<SongJobResponse>, NoContent, ProblemHttpResult>> DeleteAsync(
        HttpContext http, string id) =>
        await jobs.FindAsync(id, http.RequestAborted) is { } view ? await EndAsync(http, view) : NoJob(http, id);

    /// <summary>Cancels a job that is queued or running. A finished job is not changed.</summary>
    public async Task<Results<Ok<SongJobResponse>, Accepted<SongJobResponse>, NoContent, ProblemHttpResult>> CancelAsync(
        HttpContext http, string id) =>
        await jobs.FindAsync(id, http.RequestAborted) is not { } view ? NoJob(http, id)
            : view.Job.IsFinished ? TypedResults.Ok(Show(http, view))
            : await EndAsync(http, view);

    /// <summary>Cancels or removes a job, depending on its state in the view.</summary>
    private async Task<Results<Ok<SongJobResponse>, Accepted<SongJobResponse>, NoContent, ProblemHttpResult>> EndAsync(
        HttpContext http, JobView view)
    {
        if (await jobs.DeleteAsync(view, http.RequestAborted) is not { } left)
        {
            return TypedResults.NoContent();
        }

        var job = SongViews.Show(left, estimate, withLyrics: true);
        return left.State is JobState.Queued or JobState.Running
            ? TypedResults.Accepted(SongViews.PathOf(job.Id), job)
            : TypedResults.Ok(job);
    }

    /// <summary>Creates a 404 for a job.</summary>
    public static ProblemHttpResult NoJob(HttpContext http, string id) =>
        Problems.Create(http, ProblemType.NotFound, $"There is no job {JsonText.Cut(id)}; it may have been removed.");

    private SongJobResponse Show(HttpContext http, JobView view)
    {
        http.Response.Headers.ETag = SongVersion.Of(view.Job);
        return SongViews.Show(view, estimate, withLyrics: true);
    }
}
