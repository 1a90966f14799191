using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Returns the stage-1 codes of finished songs, and finds them for requests that continue a song.</summary>
internal sealed class SongCodesHandler(JobStore jobs, JobEstimate estimate, SongFolder songs)
{
    /// <summary>Returns a song's codes.</summary>
    /// <response code="200">The codes, in the form that continue_from accepts.</response>
    /// <response code="404">There is no such job, or it was removed.</response>
    /// <response code="409">The song is not available yet or never will be, or it has no codes.</response>
    public async Task<Results<Ok<SongCodes>, ProblemHttpResult>> GetAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return SongHandler.NoJob(http, id);
        }

        var (codes, problem) = await CodesOfAsync(http, view);
        return codes is null ? problem! : TypedResults.Ok(codes);
    }

    /// <summary>Returns the song that a request continues.</summary>
    /// <returns>The song, or the problem if its codes are not available; neither if there is no such job.</returns>
    public async Task<(SongOrigin? Origin, ProblemHttpResult? Problem)> FindAsync(HttpContext http, string id)
    {
        if (await jobs.FindAsync(id, http.RequestAborted) is not { } view)
        {
            return (null, null);
        }

        var (codes, problem) = await CodesOfAsync(http, view);
        var song = view.Job.Request.Song;
        return codes is null ? (null, problem)
            : (new(id, codes, song.Lyrics, song.Genre, song.Instrumental, SongTitle.GivenTo(view.Job)), null);
    }

    private async Task<(SongCodes? Codes, ProblemHttpResult? Problem)> CodesOfAsync(HttpContext http, JobView view)
    {
        if (view.State != JobState.Succeeded || view.Job.Song is null)
        {
            return (null, Problems.NoSongYet(http, view, estimate));
        }

        var id = view.Job.Id;
        try
        {
            return await songs.FindCodesAsync(view.Job, http.RequestAborted) is { } codes ? CodesOf(http, codes)
                : await IsRemovedAsync(view.Job) ? (null, SongHandler.NoJob(http, id))
                : (null, Problems.Create(http, ProblemType.NoCodes, "The song has no codes: "
                    + "it was made by an earlier release, or the file with its codes is damaged. Request the song again."));
        }
        catch (StorageException)
        {
            if (await IsRemovedAsync(view.Job))
            {
                return (null, SongHandler.NoJob(http, id));
            }

            throw;
        }
    }

    private static (SongCodes? Codes, ProblemHttpResult? Problem) CodesOf(HttpContext http, SongCodes codes) => codes.Sections.Count > 0
        ? (codes, null)
        : (null, Problems.Create(
            http, ProblemType.NoCodes, $"The song has no codes: the model {codes.Model} has none, so the song cannot be continued."));

    /// <summary>Returns whether a song was removed after its job was found.</summary>
    private async Task<bool> IsRemovedAsync(StoredJob job) => !await songs.ExistsAsync(job, SongFolder.Mix, CancellationToken.None);
}
