using System.Globalization;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Checks the fields of a request against each other if its model makes the whole song at once, from a score.</summary>
internal static class WholeSongRules
{
    /// <summary>Returns the request and reports its errors.</summary>
    /// <param name="song">The request.</param>
    /// <param name="fields">Receives the errors.</param>
    public static SongRequest Check(SongRequest song, FieldReader fields)
    {
        if (song.TargetSeconds is { Count: > 1 } targets)
        {
            fields.Error(
                SongFields.TargetSeconds,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"has {targets.Count} items, but the model makes the whole song at once; send one number for the whole song."));
        }

        if (song.Score is { } score)
        {
            CheckScore(song, score, fields);
        }
        else if (song is { Scope: SongScope.Score, Plan: ScorePlan.Off })
        {
            fields.Error(SongFields.Plan, "is \"off\", but stage is \"score\", which writes a score; send \"full\" or \"melody\".");
        }

        return song;
    }

    private static void CheckScore(SongRequest song, string score, FieldReader fields)
    {
        if (string.IsNullOrWhiteSpace(score))
        {
            fields.Error(SongFields.Score, "is blank; send a score in ABC notation, or leave it out.");
        }

        if (song.Plan == ScorePlan.Off)
        {
            fields.Error(SongFields.Score, "is sent, but plan is \"off\", which makes a song without a score; leave one of them out.");
        }

        if (song is { Scope: SongScope.Score, Instrumental: false })
        {
            fields.Error(SongFields.Score, "is sent, but stage is \"score\", which writes one; leave one of them out.");
        }
    }
}
