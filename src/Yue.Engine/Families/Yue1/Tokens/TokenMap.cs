using System.Collections.Frozen;

namespace Yue.Engine.Families.Yue1.Tokens;

/// <summary>The meaning of every id in the language models' vocabulary (docs/model.md 2.3).</summary>
/// <remarks>In id order: text, control tokens, then the codes of several audio codecs, of which only xcodec is used.
/// The last four control tokens follow the codes; embedding rows beyond <see cref="Count"/> are padding.</remarks>
public static class TokenMap
{
    /// <summary>Ids below this are SentencePiece pieces, including <see cref="BeginOfText"/> and <see cref="EndOfText"/>.</summary>
    public const int TextCount = 32_000;

    /// <summary><c>&lt;s&gt;</c>.</summary>
    public const int BeginOfText = 1;

    /// <summary><c>&lt;/s&gt;</c>.</summary>
    public const int EndOfText = 2;

    /// <summary><c>&lt;SOA&gt;</c>: audio codes follow.</summary>
    public const int StartOfAudio = 32_001;

    /// <summary><c>&lt;EOA&gt;</c>: the audio of a section has ended.</summary>
    public const int EndOfAudio = 32_002;

    /// <summary><c>&lt;stage_1&gt;</c>: codebook-0 codes follow.</summary>
    public const int Stage1 = 32_013;

    /// <summary><c>&lt;xcodec&gt;</c>: the codes that follow are xcodec's.</summary>
    public const int XCodec = 32_016;

    /// <summary><c>&lt;stage_2&gt;</c>: frames of eight codes follow.</summary>
    public const int Stage2 = 32_017;

    /// <summary>The id of code 0 of xcodec's codebook 0.</summary>
    public const int XCodecBase = 45_334;

    /// <summary>The number of codes per xcodec codebook.</summary>
    public const int CodebookSize = 1_024;

    /// <summary>The number of xcodec codebooks that have ids.</summary>
    public const int CodebookCount = 12;

    /// <summary>The number of ids that have a meaning.</summary>
    public const int Count = 83_738;

    /// <summary>The control tokens that the reference tokenizer recognizes in text, by name.</summary>
    public static FrozenDictionary<string, int> RecognizedInText { get; } = new Dictionary<string, int>
    {
        ["<s>"] = BeginOfText,
        ["</s>"] = EndOfText,
        ["<EOD>"] = 32_000,
        ["<SOA>"] = StartOfAudio,
        ["<EOA>"] = EndOfAudio,
        ["<SOI>"] = 32_003,
        ["<EOI>"] = 32_004,
        ["<SOV>"] = 32_005,
        ["<EOV>"] = 32_006,
        ["<s_local>"] = 32_007,
        ["<e_local>"] = 32_008,
        ["<s_global>"] = 32_009,
        ["<e_global>"] = 32_010,
        ["<stage_1>"] = Stage1,
        ["<stage_2>"] = Stage2,
        ["<CLS>"] = 83_734,
        ["<SEP>"] = 83_735,
        ["<MASK>"] = 83_736,
        ["<PAD>"] = 83_737,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>All control tokens by name. Those not in <see cref="RecognizedInText"/> can be given to the model only by id: their names
    /// in text are ordinary words.</summary>
    public static FrozenDictionary<string, int> ControlTokens { get; } = new Dictionary<string, int>(RecognizedInText)
    {
        ["<semantic>"] = 32_011,
        ["<acoustic>"] = 32_012,
        ["<dac_16k>"] = 32_014,
        ["<dac_44k>"] = 32_015,
        ["<xcodec>"] = XCodec,
        ["<semantic_mert>"] = 32_018,
        ["<semantic_hubert>"] = 32_019,
        ["<visual>"] = 32_020,
        ["<semanticodec>"] = 32_021,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The names of <see cref="ControlTokens"/> by id.</summary>
    public static FrozenDictionary<int, string> ControlNames { get; } =
        ControlTokens.ToFrozenDictionary(entry => entry.Value, entry => entry.Key);

    /// <summary>Returns true if the id is a piece of text; <c>&lt;s&gt;</c> and <c>&lt;/s&gt;</c> are not.</summary>
    public static bool IsText(int id) => id is >= 0 and < TextCount and not (BeginOfText or EndOfText);

    /// <summary>Returns the id of code 0 of an xcodec codebook.</summary>
    /// <param name="codebook">0 to <see cref="CodebookCount"/>; the last value yields the end of the last codebook's ids.</param>
    public static int CodebookStart(int codebook)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(codebook);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(codebook, CodebookCount);
        return XCodecBase + (CodebookSize * codebook);
    }

    /// <summary>Returns true if the value is a code of an xcodec codebook: 0 to 1023.</summary>
    public static bool IsCode(int code) => code is >= 0 and < CodebookSize;

    /// <summary>Returns the id of a code.</summary>
    /// <param name="code">0 to 1023.</param>
    /// <param name="codebook">0 to 11.</param>
    public static int ToId(int code, int codebook = 0)
    {
        if (!IsCode(code))
        {
            throw new ArgumentOutOfRangeException(nameof(code), code, $"an xcodec code must be 0 to {CodebookSize - 1}");
        }

        ArgumentOutOfRangeException.ThrowIfEqual(codebook, CodebookCount);
        return CodebookStart(codebook) + code;
    }

    /// <summary>Returns the code of an id in a codebook; the result is outside 0 to 1023 if the id is not in that codebook.</summary>
    public static int ToCode(int id, int codebook = 0) => id - CodebookStart(codebook);
}
