using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Converts jobs to the JSON of the API.</summary>
internal static class SongViews
{
    public static string PathOf(string id) => $"/v1/songs/{id}";

    public static string PathOfGroup(string id) => $"/v1/groups/{id}";

    /// <summary>Returns the JSON of a group of takes.</summary>
    public static SongGroupResponse Show(GroupView view, JobEstimate estimate) => new()
    {
        Id = view.Group.Id,
        State = view.State,
        CreatedAt = view.Group.CreatedAt,
        Takes = [.. view.Takes.Select(take => ShowTake(take, estimate))],
        Warnings = view.Takes[0].Job.Request.Warnings,
        Links = new(PathOfGroup(view.Group.Id)),
    };

    private static GroupTake ShowTake(JobView view, JobEstimate estimate)
    {
        var song = Show(view, estimate, withLyrics: false);
        return new()
        {
            Take = song.Group?.Take ?? 0,
            Id = song.Id,
            Seed = view.Job.Request.Song.Seed,
            State = song.State,
            QueuePosition = song.QueuePosition,
            Progress = song.Progress,
            EstimatedSecondsLeft = song.EstimatedSecondsLeft,
            AudibleSeconds = song.AudibleSeconds,
            Error = song.Error,
            Links = song.Links,
        };
    }

    /// <summary>Returns the JSON of a job.</summary>
    /// <param name="view">The current state of the job.</param>
    /// <param name="estimate">The estimates from measured times.</param>
    /// <param name="withLyrics">True to include the lyrics, the score and the request, which lists omit.</param>
    public static SongJobResponse Show(JobView view, JobEstimate estimate, bool withLyrics)
    {
        var job = view.Job;
        var now = view.State is JobState.Queued or JobState.Running ? view.Live?.Feed.Latest : null;
        return new()
        {
            Id = job.Id,
            State = view.State,
            CreatedAt = job.CreatedAt,
            StartedAt = job.StartedAt,
            FinishedAt = job.FinishedAt,
            ClientJobId = job.Request.ClientJobId,
            QueuePosition = now is { State: JobState.Queued } && view.Live!.Position is > 0 and var place ? place : null,
            Progress = Show(now?.Progress),
            EstimatedSecondsLeft = now is null ? null : estimate.SecondsLeft(now, view.Live!),
            AudibleSeconds = now is null ? null : Audible(now, view.Live!),
            Sections = now is null ? null : Starts(now),
            Score = withLyrics ? now?.Progress?.Score : null,
            Error = view.State == JobState.Failed ? JobFault.From(job.Fault) : null,
            DelayReason = view.DelayReason,
            Title = SongTitle.Of(job),
            Favourite = job.IsFavourite,
            Note = job.Note,
            Parent = SongParent.Of(job.Request),
            Group = SongTake.Of(job),
            Request = withLyrics ? NormalizedRequest.Of(job) : null,
            Genre = job.Request.Song.Genre,
            Lyrics = withLyrics ? job.Request.Song.Lyrics : null,
            Warnings = job.Song?.Warnings ?? job.Request.Warnings,
            Song = FinishedSong.From(job.Song),
            Links = LinksOf(PathOf(job.Id)),
        };
    }

    private static JobLinks LinksOf(string self) =>
        new(self, self + "/events", self + "/stream", self + "/audio", self + "/peaks", self + "/codes");

    /// <summary>Returns how many seconds of sound a running job has made.</summary>
    public static double? Audible(JobUpdate now, Job live) =>
        now.State == JobState.Running && live.Sound is { } sound ? Math.Round(sound.AudibleSeconds, 2) : null;

    /// <summary>Returns when the sections of a running job start, as far as that is known.</summary>
    public static IReadOnlyList<SectionStartBody>? Starts(JobUpdate now) => now.State != JobState.Running ? null
        : [.. (now.Progress?.Starts ?? []).Select(start => new SectionStartBody(start.Tag, Math.Round(start.Seconds, 6)))];

    private static bool WritesTokens(SongStage stage) => stage is SongStage.Score or SongStage.Music or SongStage.Stage1;

    public static JobProgressBody? Show(SongProgress? progress) => progress is null or { Stage: SongStage.Queued } ? null : new(
        progress.Stage,
        progress.Section,
        progress.Sections,
        WritesTokens(progress.Stage) ? progress.Done : 0,
        WritesTokens(progress.Stage) ? 0 : progress.Done,
        progress.Total,
        Math.Round(100 * progress.Fraction, 2));
}
