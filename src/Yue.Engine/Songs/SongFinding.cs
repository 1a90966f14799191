namespace Yue.Engine.Songs;

/// <summary>Something in a request that is ignored, is not taken literally, or may be a mistake.</summary>
/// <param name="Code">The stable name of the kind of finding.</param>
/// <param name="Field">The JSON name of the request field.</param>
/// <param name="Message">The finding and its effect, in plain words.</param>
/// <param name="Span">The position in the field's original text; null if the finding concerns the whole field.</param>
public sealed record SongFinding(string Code, string Field, string Message, TextSpan? Span = null);

/// <summary>A range of text in UTF-16 code units.</summary>
/// <param name="Start">The first unit.</param>
/// <param name="End">The unit after the last.</param>
public readonly record struct TextSpan(int Start, int End);

/// <summary>The size of a request, in tokens of its model.</summary>
/// <param name="PromptTokens">The number of ids in the prompt: instruction, genre, all lyrics and the reference clip.</param>
/// <param name="ContextTokens">The number of ids that fit into the model's context, including generated ones.</param>
/// <param name="Findings">Findings that depend on the model.</param>
public sealed record SongMeasure(int PromptTokens, int ContextTokens, IReadOnlyList<SongFinding> Findings)
{
    /// <summary>The reason why the song is certain to fail; null if none is known.</summary>
    public SongFinding? Fault { get; init; }
}
