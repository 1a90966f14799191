namespace YueService.Api.Songs;

/// <summary>The result of checking a request. Positions count the Unicode characters of the field's text as it was sent.</summary>
internal sealed record SongCheckResponse
{
    /// <summary>True if the request is valid.</summary>
    public required bool Valid { get; init; }

    /// <summary>The messages for each invalid field, as in the 422 of <c>POST /v1/songs</c>.</summary>
    public required IReadOnlyDictionary<string, string[]> Errors { get; init; }

    /// <summary>Findings that do not make the request invalid: for example, a field that is ignored, or text that is interpreted
    /// differently from how it is written or may be a mistake.</summary>
    public required IReadOnlyList<SongWarning> Warnings { get; init; }

    /// <summary>The sections of the lyrics, in order.</summary>
    public required IReadOnlyList<CheckedSection> Sections { get; init; }

    /// <summary>The number of tokens in the prompt: genre line, lyrics and reference clip. Null if unknown.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>The size of the model's context in tokens, which must also hold the tokens of a section (<c>max_new_tokens</c>). Null
    /// if unknown.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>The number of seconds until this song, or the last of its <c>takes</c>, would be finished if it were queued now. Null if
    /// unknown.</summary>
    public double? EstimatedWaitSeconds { get; init; }
}

/// <summary>A warning about a request.</summary>
/// <param name="Code">The stable name of the kind of warning.</param>
/// <param name="Field">The field.</param>
/// <param name="Start">The position of the first character that the warning is about; null if it is about the whole field.</param>
/// <param name="End">The position after the last character.</param>
/// <param name="Message">The finding and its effect.</param>
internal sealed record SongWarning(string Code, string Field, int? Start, int? End, string Message);

/// <summary>A section of the lyrics.</summary>
/// <param name="Tag">The tag as the model gets it: one word.</param>
/// <param name="Written">The tag as it is written; null if there is none and the tag is assumed.</param>
/// <param name="Start">The position of the tag's first character; null if the lyrics were not sent with the request.</param>
/// <param name="End">The position after the last character.</param>
/// <param name="InSong">False if the section is not in the song, because of <c>run_n_segments</c>.</param>
/// <param name="EstimatedSeconds">The expected length in seconds, or the known length of a section that is kept; null if the section is not
/// in the song.</param>
internal sealed record CheckedSection(string Tag, string? Written, int? Start, int? End, bool InSong, double? EstimatedSeconds);
