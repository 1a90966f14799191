using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using YueService.Api.Errors;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Takes a song request as a job, and answers with where the job is.</summary>
internal sealed class SongSubmitter(
    ISongEngine engine, JobIntake intake, JobStore jobs, JobEstimate estimate, SongRequestBody requests)
{
    /// <summary>202 with the job, or the problem.</summary>
    /// <remarks>A known <c>Idempotency-Key</c> decides before the fields
    /// are read: the song that they name may be removed by then.</remarks>
    /// <param name="http">The request.</param>
    /// <param name="accepted">The format that the Accept header names; null leaves it to the body.</param>
    public async Task<Results<Accepted<SongJobResponse>, ProblemHttpResult>> SubmitAsync(HttpContext http, AudioFormat? accepted)
    {
        var key = IdempotencyKey.Read(http.Request, out var fault);
        if (fault is not null)
        {
            return Problems.Create(http, ProblemType.BadRequest, fault);
        }

        // A key that is known gets its job, however full the queue is.
        var isNew = key is null || await intake.FindByKeyAsync(key, bodyHash: null, http.RequestAborted) is null;
        var (body, unreadable) = await requests.OpenAsync(http, isNew);
        if (body is null)
        {
            return unreadable!;
        }

        using (body)
        {
            var bodyHash = key is null ? null : await IdempotencyKey.HashAsync(body, http.RequestAborted);
            if (key is not null && await intake.FindByKeyAsync(key, bodyHash, http.RequestAborted) is { } known)
            {
                return await AnswerAsync(http, known);
            }

            var (command, problem) = await requests.ReadAsync(http, body, accepted);
            if (command is null)
            {
                return problem!;
            }

            if (command.IsStreamed)
            {
                command = command.WithWarning(SongRequestBody.StreamIgnored);
            }

            var request = command.ToJob(accepted ?? command.Format);
            return await AnswerAsync(http, await intake.KeepAsync(request, key, bodyHash, http.RequestAborted));
        }
    }

    private async Task<Results<Accepted<SongJobResponse>, ProblemHttpResult>> AnswerAsync(HttpContext http, Submission submission)
    {
        if (Problems.Refusal(http, submission.Outcome, engine.Status, estimate) is { } refusal)
        {
            return refusal;
        }

        var view = await jobs.FindAsync(submission.Job!.Id, http.RequestAborted) ?? new JobView(submission.Job, null);
        return TypedResults.Accepted(SongViews.PathOf(view.Job.Id), SongViews.Show(view, estimate, withLyrics: true));
    }
}
