using Microsoft.AspNetCore.Http.HttpResults;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary><c>/v1/groups/{id}</c>: the takes of one request.</summary>
internal sealed class SongGroupHandler(JobStore jobs, JobEstimate estimate)
{
    /// <summary>Shows a group.</summary>
    /// <response code="200">The group as it is now.</response>
    /// <response code="404">There is no such group, or all its takes were removed.</response>
    public async Task<Results<Ok<SongGroupResponse>, ProblemHttpResult>> GetAsync(HttpContext http, string id)
    {
        http.Response.Headers.CacheControl = "no-store";
        return await jobs.FindGroupAsync(id, http.RequestAborted) is { } view
            ? TypedResults.Ok(SongViews.Show(view, estimate))
            : NoGroup(http, id);
    }

    /// <summary>Cancels the takes that are queued or running. Finished takes are kept; each can be removed like any other song.</summary>
    /// <response code="200">The group; all of its takes have ended.</response>
    /// <response code="202">The group; a take did not end within a second. Location is the group's URL.</response>
    /// <response code="404">There is no such group, or all its takes were removed.</response>
    public async Task<Results<Ok<SongGroupResponse>, Accepted<SongGroupResponse>, ProblemHttpResult>> CancelAsync(
        HttpContext http, string id)
    {
        if (await jobs.FindGroupAsync(id, http.RequestAborted) is not { } view
            || await jobs.CancelAsync(view, http.RequestAborted) is not { } left)
        {
            return NoGroup(http, id);
        }

        var group = SongViews.Show(left, estimate);
        return left.State is JobState.Queued or JobState.Running
            ? TypedResults.Accepted(SongViews.PathOfGroup(id), group)
            : TypedResults.Ok(group);
    }

    private static ProblemHttpResult NoGroup(HttpContext http, string id) =>
        Problems.Create(http, ProblemType.NotFound, $"There is no group {JsonText.Cut(id)}; its takes may have been removed.");
}
