using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>The token sequences that the model continues for one song (docs/model-yue2.md 3).</summary>
public sealed class SongPrompts
{
    private readonly ScorePlan _plan;
    private readonly int[] _text;
    private readonly int[] _instruction;

    /// <summary>Encodes the text of a song's prompts.</summary>
    /// <param name="tokenizer">Encodes the text in one piece.</param>
    /// <param name="plan">The kind of score that precedes the music.</param>
    /// <param name="style">The style line. May be empty.</param>
    /// <param name="lyrics">The lyrics. May be empty.</param>
    public SongPrompts(BytePairTokenizer tokenizer, ScorePlan plan, string style, string lyrics)
    {
        _plan = plan;
        Text = $"{Instruction(plan)}\n[Tags]\n{style}\n[Lyrics]\n{lyrics}\n";
        _text = tokenizer.Encode(Text);
        _instruction = tokenizer.Encode(Instruction(plan));
    }

    /// <summary>The text that the prompts begin with.</summary>
    public string Text { get; }

    /// <summary>Returns the prompt for the score.</summary>
    /// <exception cref="InvalidOperationException">The plan is off.</exception>
    public int[] ForScore() => _plan == ScorePlan.Off
        ? throw new InvalidOperationException("no score is written if the plan is off")
        : [TokenIds.EndOfDocument, .. _text, TokenIds.ScoreStart];

    /// <summary>Returns the prompt for the music.</summary>
    /// <param name="score">The ids of the score, written by the model or encoded from a given score. Empty if the plan is off.</param>
    public int[] ForMusic(ReadOnlySpan<int> score) =>
        [TokenIds.EndOfDocument, .. _text, TokenIds.ScoreStart, .. Checked(score), TokenIds.ScoreEnd, TokenIds.MusicStart];

    /// <summary>Returns the prompt for guidance, which contains the score, but neither style nor lyrics.</summary>
    /// <param name="score">The score, as in <see cref="ForMusic"/>. If the plan is off, this prompt does not even contain
    /// the ids that begin and end a score.</param>
    public int[] ForGuidance(ReadOnlySpan<int> score)
    {
        var checkedScore = Checked(score);
        return _plan == ScorePlan.Off
            ? [TokenIds.EndOfDocument, .. _instruction, TokenIds.MusicStart]
            : [TokenIds.EndOfDocument, .. _instruction, TokenIds.ScoreStart, .. checkedScore, TokenIds.ScoreEnd, TokenIds.MusicStart];
    }

    private static string Instruction(ScorePlan plan) => plan switch
    {
        ScorePlan.Full => "Generate a chord-annotated ABC transcription, then generate music with codec tokens from the given conditions.",
        ScorePlan.Melody => "Generate a melody-only ABC transcription without chord symbols, "
            + "then generate music with codec tokens from the given conditions.",
        _ => "Generate music with codec tokens from the given conditions.",
    };

    private ReadOnlySpan<int> Checked(ReadOnlySpan<int> score)
    {
        foreach (var id in score)
        {
            if (!TokenIds.IsText(id))
            {
                throw new ArgumentException($"the score contains the id {id}; score ids must be below {TokenIds.TextCount}", nameof(score));
            }
        }

        return _plan == ScorePlan.Off && !score.IsEmpty
            ? throw new ArgumentException("a song whose plan is off cannot have a score", nameof(score))
            : score;
    }
}
