using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using YueService.Api.Access;
using YueService.Api.Errors;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Submits a song request as a job or a group of takes, and responds with its URL.</summary>
internal sealed class SongSubmitter(
    ISongEngine engine, JobIntake intake, JobStore jobs, JobEstimate estimate, SongRequestBody requests, SongRateLimit limit)
{
    /// <summary>Returns 202 with the job or the group, or the problem.</summary>
    /// <remarks>The <c>Idempotency-Key</c> is looked up before the fields are read, so that a repeated request gets its job even if the
    /// song that it continues has been removed.</remarks>
    /// <param name="http">The request.</param>
    /// <param name="accepted">The format that the Accept header names; null if the body selects the format.</param>
    /// <param name="hasTakes">True if the response can be a group of takes.</param>
    public async Task<Results<Accepted<SongJobResponse>, Accepted<SongGroupResponse>, ProblemHttpResult>> SubmitAsync(
        HttpContext http, AudioFormat? accepted, bool hasTakes)
    {
        var key = IdempotencyKey.Read(http.Request, out var fault);
        if (fault is not null)
        {
            return Problems.Create(http, ProblemType.BadRequest, fault);
        }

        var owner = http.User.Identity?.Name;

        // A request with a known key gets the existing job even if the queue is full.
        var isNew = key is null || await intake.FindByKeyAsync(key, owner, bodyHash: null, http.RequestAborted) is null;
        var (body, unreadable) = await requests.OpenAsync(http, isNew);
        if (body is null)
        {
            return unreadable!;
        }

        using (body)
        {
            var bodyHash = key is null ? null : await IdempotencyKey.HashAsync(body, http.RequestAborted);
            if (key is not null && await intake.FindByKeyAsync(key, owner, bodyHash, http.RequestAborted) is { } known)
            {
                return await RespondAsync(http, known);
            }

            var (command, problem) = await requests.ReadAsync(http, body, accepted, hasTakes);
            if (command is null)
            {
                return problem!;
            }

            // The request itself has already been counted as one song.
            if (await limit.TryTakeAsync(http, command.Takes - 1) is { } refused)
            {
                return refused;
            }

            if (command.IsStreamed)
            {
                command = command.WithWarning(SongRequestBody.StreamIgnored);
            }

            var request = command.ToJob(accepted ?? command.Format);
            return await RespondAsync(http, await intake.KeepAsync(
                request, command.Takes, key, bodyHash, owner, http.RequestAborted));
        }
    }

    private async Task<Results<Accepted<SongJobResponse>, Accepted<SongGroupResponse>, ProblemHttpResult>> RespondAsync(
        HttpContext http, Submission submission)
    {
        if (Problems.Refusal(http, submission.Outcome, engine.Status, estimate) is { } refusal)
        {
            return refusal;
        }

        if (submission.Group is { } group)
        {
            return TypedResults.Accepted(SongViews.PathOfGroup(group.Id), SongViews.Show(jobs.View(group), estimate));
        }

        var view = await jobs.FindAsync(submission.Job!.Id, http.RequestAborted) ?? new JobView(submission.Job, null);
        return TypedResults.Accepted(SongViews.PathOf(view.Job.Id), SongViews.Show(view, estimate, withLyrics: true));
    }
}
