using Yue.Engine.Songs;

namespace YueService.Jobs.Shared;

/// <summary>An update of a job that its worker sends to other processes.</summary>
/// <param name="Id">The job.</param>
/// <param name="Number">The number of the update. Numbers increase within an attempt and from one attempt to the next.</param>
/// <param name="State">The new state.</param>
/// <param name="Progress">The progress of the song; null before it begins.</param>
/// <param name="AudibleSeconds">The length of the sound so far, in seconds.</param>
internal sealed record JobNews(string Id, long Number, JobState State, SongProgress? Progress, double AudibleSeconds)
{
    // In PostgreSQL, a notification must be shorter than 8,000 bytes.
    private const int MaxBytes = 7_000;
    private const string Kind = "progress ";

    /// <summary>Splits updates into as few notifications as possible.</summary>
    public static IEnumerable<string> Pack(IEnumerable<JobNews> news)
    {
        var batch = new List<string>();
        foreach (var item in news)
        {
            // A score is long; receivers read it from the row.
            var bare = item.Progress is { Score: not null } scored ? item with { Progress = scored with { Score = null } } : item;
            var json = JobRows.ToJson(bare);
            if (json.Length > MaxBytes)
            {
                // If there are very many sections, receivers read the sections' starts from the row after the next change of section.
                json = JobRows.ToJson(item with { Progress = item.Progress! with { Starts = [], Score = null } });
            }

            if (batch.Count > 0 && batch.Sum(part => part.Length + 1) + json.Length > MaxBytes)
            {
                yield return $"{Kind}[{string.Join(',', batch)}]";
                batch.Clear();
            }

            batch.Add(json);
        }

        if (batch.Count > 0)
        {
            yield return $"{Kind}[{string.Join(',', batch)}]";
        }
    }

    /// <summary>Returns the updates in a notification; empty if it is about something else.</summary>
    public static IReadOnlyList<JobNews> Unpack(string notice) =>
        notice.StartsWith(Kind, StringComparison.Ordinal) ? Parse(notice[Kind.Length..]) : [];

    /// <summary>Returns the updates in a JSON array; empty if they cannot be read.</summary>
    public static IReadOnlyList<JobNews> Parse(string json)
    {
        try
        {
            return JobRows.FromJson<JobNews[]>(json);
        }
        catch (Exception e) when (JobRows.IsDamage(e))
        {
            // A newer release may use another format.
            return [];
        }
    }
}
