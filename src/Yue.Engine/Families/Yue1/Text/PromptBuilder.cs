using System.Collections.Immutable;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Writes the prompts of stage 1 as the reference does (docs/model.md 2.4, 10).</summary>
/// <remarks>Control ids are inserted by number and all text is encoded by <see cref="YueTokenizer.EncodeText"/>, so a user's
/// text cannot insert a control id.</remarks>
public sealed class PromptBuilder
{
    internal const string StartOfSegment = "[start_of_segment]";
    internal const string EndOfSegment = "[end_of_segment]";
    internal const string StartOfReference = "[start_of_reference]";
    internal const string EndOfReference = "[end_of_reference]";

    private readonly YueTokenizer _tokenizer;
    private readonly int[] _startOfSegment;
    private readonly int[] _endOfSegment;
    private readonly int[] _startOfReference;
    private readonly int[] _endOfReference;
    private readonly bool _latinOnly;

    /// <summary>Creates a builder for one checkpoint.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="latinOnly">True if the checkpoint sings only the letters a to z; other scripts are then transliterated.</param>
    public PromptBuilder(YueTokenizer tokenizer, bool latinOnly = false)
    {
        _latinOnly = latinOnly;
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _startOfSegment = tokenizer.EncodeText(StartOfSegment);
        _endOfSegment = tokenizer.EncodeText(EndOfSegment);
        _startOfReference = tokenizer.EncodeText(StartOfReference);
        _endOfReference = tokenizer.EncodeText(EndOfReference);
    }

    /// <summary>Returns the prompts of a song.</summary>
    /// <param name="genre">The genre line as the user typed it; it is cleaned here.</param>
    /// <param name="sections">All sections of the lyrics, from <see cref="LyricsParser"/>; all of them are in the prompt, regardless of how
    /// many are sung.</param>
    /// <param name="reference">An audio prompt; null for none.</param>
    /// <exception cref="SongRequestException">The checkpoint cannot sing any of the words.</exception>
    public SongPrompt Build(string genre, IReadOnlyList<LyricSection> sections, ReferenceClip? reference = null)
    {
        var (cleanGenre, warnings) = UserText.Clean(genre, "genre");
        if (_latinOnly)
        {
            (sections, var transliterated) = LatinScript.Rewrite(sections);
            (cleanGenre, warnings) = (LatinScript.Rewrite(cleanGenre), [.. warnings, .. transliterated]);
        }

        var lyrics = string.Join('\n', sections.Select(section => section.Text));
        List<int> head =
        [
            .. _tokenizer.EncodeText("Generate music from the given lyrics segment by segment.\n"
                + $"[Genre] {PythonText.Strip(cleanGenre)}\n{lyrics}"),
        ];
        if (reference is { Ids.IsEmpty: false })
        {
            head.AddRange(
            [
                .. _startOfReference, TokenMap.StartOfAudio, TokenMap.XCodec, .. reference.Ids, TokenMap.EndOfAudio, .. _endOfReference,
            ]);
        }
        else if (reference is not null)
        {
            warnings = [.. warnings, "reference: the requested part is outside the clip; no reference is used"];
        }

        return new SongPrompt
        {
            Head = [.. head],
            Sections = [.. sections.Select((section, i) => SectionPrompt(i == 0 ? head : _endOfSegment, section))],
            HasReference = reference is { Ids.IsEmpty: false },
            Warnings = warnings,
        };
    }

    private ImmutableArray<int> SectionPrompt(IEnumerable<int> before, LyricSection section) =>
    [
        .. before, .. _startOfSegment, .. _tokenizer.EncodeText(section.Text), TokenMap.StartOfAudio, TokenMap.XCodec,
    ];
}
