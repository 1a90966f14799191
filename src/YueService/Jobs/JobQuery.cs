namespace YueService.Jobs;

/// <summary>A query for jobs, newest first.</summary>
/// <param name="Count">The maximum number of jobs to return.</param>
internal sealed record JobQuery(int Count)
{
    /// <summary>Only jobs with a smaller <see cref="StoredJob.Number"/>; null starts at the newest.</summary>
    public long? Before { get; init; }

    /// <summary>Text that the title, the genre line or the lyrics must contain, in any letter case; null for any.</summary>
    public string? Text { get; init; }

    /// <summary>The stored state; null for any.</summary>
    public JobState? State { get; init; }

    /// <summary>True for favorites, false for other songs; null for any.</summary>
    public bool? IsFavourite { get; init; }

    /// <summary>The song that the jobs continue; null for any.</summary>
    public string? ParentId { get; init; }
}

/// <summary>A change to the title, favorite mark or note of a song. Null leaves a property unchanged.</summary>
internal sealed record JobEdit
{
    public string? Title { get; init; }

    public bool? IsFavourite { get; init; }

    /// <summary>The user's note; empty removes it.</summary>
    public string? Note { get; init; }

    /// <summary>Returns true if the change modifies a job.</summary>
    public bool Changes(StoredJob job) =>
        (Title is not null && Title != job.Request.Title)
        || (IsFavourite is not null && IsFavourite != job.IsFavourite)
        || (Note is not null && Note != (job.Note ?? ""));

    /// <summary>The value of <see cref="StoredJob.Edits"/> that the change is based on; null for any.</summary>
    public long? BasedOn { get; init; }
}
