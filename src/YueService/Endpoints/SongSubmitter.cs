using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine;
using YueService.Contracts;
using YueService.Errors;
using YueService.Jobs;
using YueService.Requests;

namespace YueService.Endpoints;

/// <summary>Takes a song request that passed every check as a job, and answers with where the job is.</summary>
internal sealed class SongSubmitter(ISongEngine engine, IJobQueue queue, SongJobs jobs)
{
    /// <summary>202 with the job, or the problem.</summary>
    /// <param name="http">The request.</param>
    /// <param name="command">What it asks for.</param>
    /// <param name="bodyHash">Tells its body from others, for the idempotency key.</param>
    public async Task<Results<Accepted<SongJobResponse>, ProblemHttpResult>> SubmitAsync(
        HttpContext http, PredictCommand command, string bodyHash)
    {
        var key = IdempotencyKey.Read(http.Request, out var fault);
        if (fault is not null)
        {
            return Problems.Create(http, ProblemType.BadRequest, fault);
        }

        var request = new JobRequest(command.Song, command.Format, command.ClientJobId, command.Warnings);
        var submission = await jobs.SubmitAsync(request, key, key is null ? null : bodyHash, http.RequestAborted);
        switch (submission)
        {
            case { Outcome: SubmitOutcome.QueueFull }:
                return Problems.QueueFull(http, queue.EstimatedWait);
            case { Outcome: SubmitOutcome.NotReady }:
                return Problems.NotReady(http, engine.Status);
            case { Job: null }:
                return Problems.Create(
                    http, ProblemType.IdempotencyKeyReused, "This Idempotency-Key came with another body before. Send a new key.");
        }

        var view = await jobs.FindAsync(submission.Job.Id, http.RequestAborted) ?? new JobView(submission.Job, null);
        return TypedResults.Accepted(SongViews.PathOf(view.Job.Id), SongViews.Show(view, queue, withLyrics: true));
    }
}
