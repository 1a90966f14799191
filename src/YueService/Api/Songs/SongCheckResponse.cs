namespace YueService.Api.Songs;

/// <summary>The result of checking a request. Positions count the Unicode characters of the field's text as it was sent.</summary>
internal sealed record SongCheckResponse
{
    /// <summary>True if the request would make a song.</summary>
    public required bool Valid { get; init; }

    /// <summary>Each invalid field with what is wrong with it, as the 422 of <c>POST /v1/songs</c> has them.</summary>
    public required IReadOnlyDictionary<string, string[]> Errors { get; init; }

    /// <summary>Findings on text that is read otherwise than it is written, is ignored, or may be a mistake.</summary>
    public required IReadOnlyList<SongWarning> Warnings { get; init; }

    /// <summary>The sections of the lyrics, in order.</summary>
    public required IReadOnlyList<CheckedSection> Sections { get; init; }

    /// <summary>The tokens that the model reads before it sings: genre line, lyrics and reference clip. Null if not known.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>The tokens that the model's context holds, with <c>max_new_tokens</c> of a section. Null if they are not known.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>The seconds until this song, or the last of its <c>takes</c>, would be finished if queued now. Null if unknown.</summary>
    public double? EstimatedWaitSeconds { get; init; }
}

/// <summary>Something that the caller should know of a request.</summary>
/// <param name="Code">The kind, which is stable.</param>
/// <param name="Field">The field.</param>
/// <param name="Start">The first character that it is about; null if it is about the whole field.</param>
/// <param name="End">The character after the last.</param>
/// <param name="Message">What was found and what becomes of it.</param>
internal sealed record SongWarning(string Code, string Field, int? Start, int? End, string Message);

/// <summary>A section of the lyrics.</summary>
/// <param name="Tag">The tag that the model reads, one word.</param>
/// <param name="Written">The tag as it is written; null if there is none and the tag is assumed.</param>
/// <param name="Start">The first character, that of the tag; null if the lyrics were not sent with the request.</param>
/// <param name="End">The character after the last.</param>
/// <param name="InSong">False if the section is not sung, because of <c>run_n_segments</c>.</param>
/// <param name="EstimatedSeconds">The likely length; null if it is not in the song.</param>
internal sealed record CheckedSection(string Tag, string? Written, int? Start, int? End, bool InSong, double? EstimatedSeconds);
