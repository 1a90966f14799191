using System.Globalization;

namespace Yue.Engine.Families.Yue2.Tokens;

/// <summary>The meaning of every id in YuE 2's vocabulary (docs/model-yue2.md 2.1).</summary>
/// <remarks>In id order: text and scores, named control tokens, the two music marks, the music codes, and ids that inference does not
/// use.</remarks>
public static class TokenIds
{
    /// <summary>Ids below this are byte-pair tokens of text. Scores are text.</summary>
    public const int TextCount = 151_643;

    /// <summary><c>&lt;|endoftext|&gt;</c>: the first token of every prompt.</summary>
    public const int EndOfDocument = TextCount;

    /// <summary><c>&lt;abc&gt;</c>: a score follows.</summary>
    public const int ScoreStart = 151_847;

    /// <summary><c>&lt;/abc&gt;</c>: the score is complete.</summary>
    public const int ScoreEnd = 151_848;

    /// <summary>Ids below this have a text form.</summary>
    public const int NamedCount = 151_851;

    /// <summary>Music codes follow.</summary>
    public const int MusicStart = 151_851;

    /// <summary>The music is complete.</summary>
    public const int MusicEnd = 151_852;

    /// <summary>The id of music code 0.</summary>
    public const int FirstCode = 151_853;

    /// <summary>The number of music codes.</summary>
    public const int CodeCount = 32_768;

    /// <summary>The number of rows of the embedding.</summary>
    public const int Count = 184_704;

    private const int FirstExtra = 151_651;

    private static readonly string[] ControlNames =
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<R>", "<S>", "<X>", "<mask>", "<sep>"];

    /// <summary>Returns the text form of a control token, or null for any other id.</summary>
    public static string? ControlName(int id) => id switch
    {
        ScoreStart => "<abc>",
        ScoreEnd => "</abc>",
        >= TextCount and < FirstExtra => ControlNames[id - TextCount],
        >= FirstExtra and < NamedCount => string.Create(CultureInfo.InvariantCulture, $"<extra_{id - FirstExtra}>"),
        _ => null,
    };

    /// <summary>Returns true for an id that encoded text can contain. Scores consist of such ids.</summary>
    public static bool IsText(int id) => id is >= 0 and < TextCount;

    /// <summary>Returns true for the id of a music code.</summary>
    public static bool IsCode(int id) => id is >= FirstCode and < FirstCode + CodeCount;
}
