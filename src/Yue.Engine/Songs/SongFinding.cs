namespace Yue.Engine.Songs;

/// <summary>Something in a request that is read otherwise than it is written, is ignored, or may be a mistake.</summary>
/// <param name="Code">A stable name of the kind of finding.</param>
/// <param name="Field">The request field, by its JSON name.</param>
/// <param name="Message">What was found and what becomes of it, in plain words.</param>
/// <param name="Span">The place in the field's text as it was sent; null if it concerns the whole field.</param>
public sealed record SongFinding(string Code, string Field, string Message, TextSpan? Span = null);

/// <summary>A part of a text, in UTF-16 code units.</summary>
/// <param name="Start">The first unit.</param>
/// <param name="End">The unit after the last.</param>
public readonly record struct TextSpan(int Start, int End);

/// <summary>The size of a request for the model that sings it.</summary>
/// <param name="PromptTokens">The ids that the model reads before it sings: instruction, genre, all lyrics and the reference clip.</param>
/// <param name="ContextTokens">The ids that the model's context holds, sung ones included.</param>
/// <param name="Findings">Findings that depend on the model.</param>
public sealed record SongMeasure(int PromptTokens, int ContextTokens, IReadOnlyList<SongFinding> Findings)
{
    /// <summary>The reason why the song is certain to fail; null if none is known.</summary>
    public SongFinding? Fault { get; init; }
}
