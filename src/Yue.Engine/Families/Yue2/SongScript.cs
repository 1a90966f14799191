using System.Globalization;
using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2;

/// <summary>The prompts, the budgets and the settings of a song's two stages (docs/model-yue2.md 3, 5 and 8).</summary>
/// <param name="request">The request.</param>
/// <param name="tokenizer">The checkpoint's tokenizer.</param>
/// <param name="context">The number of positions in the model's context.</param>
internal sealed partial class SongScript(SongRequest request, BytePairTokenizer tokenizer, int context)
{
    /// <summary>The number of frames per second. Each frame has one music token.</summary>
    public const int FramesPerSecond = 25;

    /// <summary>The default guidance of a song without a score.</summary>
    private const double GuidanceWithoutScore = 1.01;

    /// <summary>The number of tokens between a score and the music: the end of the score and the start of the music.</summary>
    private const int MarksAfterScore = 2;

    private const string Instrumental = "Instrumental";
    private static readonly string[] NoVoices = ["no vocals", "no singing", "no choir", "no spoken words"];

    private readonly SongRequest _request = request with
    {
        Lyrics = WithLineFeeds(request.Lyrics),
        Score = request.Score is { } score ? WithLineFeeds(score) : null,
    };

    private readonly ScorePlan _plan = request.Plan ?? ScorePlan.Full;

    /// <summary>The requested number of music tokens; null without a target length.</summary>
    private int? RequestedTokens => _request.TargetSeconds is [var seconds, ..] ? (int)Math.Round(seconds * FramesPerSecond) : null;

    /// <summary>True if the model writes the score.</summary>
    public bool WritesScore => _plan != ScorePlan.Off && _request.Score is null;

    /// <summary>Returns the stage that writes the score.</summary>
    /// <exception cref="SongRequestException">The prompt leaves too little room for the score and the music.</exception>
    public StageOrder Score()
    {
        var lyrics = _request.Instrumental ? TagLines(TagsOf(_request.Lyrics)) : _request.Lyrics;
        var prompt = new SongPrompts(tokenizer, _plan, _request.Genre, lyrics).ForScore();
        var sampling = StageSampling.Score;
        var music = _request.Scope == SongScope.Score ? 0 : RequestedTokens ?? StageSampling.Music.MinTokens;
        var room = context - prompt.Length - music - MarksAfterScore;
        return room >= sampling.MinTokens
            ? new StageOrder(StageIds.Score, sampling with { MaxTokens = Math.Min(sampling.MaxTokens, room) }, prompt, _request.Seed)
            : throw TooLong(prompt.Length, music + MarksAfterScore + sampling.MinTokens);
    }

    /// <summary>Returns the stage that writes the music.</summary>
    /// <param name="written">The ids of the score that the model wrote; null if the request contains the score, or if the plan
    /// is off.</param>
    /// <exception cref="SongRequestException">The prompt leaves too little room for the music.</exception>
    public MusicScript Music(IReadOnlyList<int>? written)
    {
        var text = _plan == ScorePlan.Off ? null : written is null ? _request.Score : tokenizer.Decode(written);
        if (_request.Instrumental)
        {
            return InstrumentalMusic(text);
        }

        int[] ids = text is null ? [] : written is null ? tokenizer.Encode(text) : [.. written];
        return Music(_plan, _request.Genre, _request.Lyrics, text, ids, warning: null);
    }

    /// <summary>Returns the style line for a song without vocals.</summary>
    public static string InstrumentalStyle(string style)
    {
        var words = style.Trim().TrimEnd('.', ',');
        var begun = words.StartsWith(Instrumental, StringComparison.OrdinalIgnoreCase) ? words
            : words.Length == 0 ? Instrumental
            : $"{Instrumental}, {words}";
        var missing = NoVoices.Where(voice => !begun.Contains(voice, StringComparison.OrdinalIgnoreCase));
        return string.Join(", ", [begun, .. missing]) + ".";
    }

    private MusicScript InstrumentalMusic(string? score)
    {
        var style = InstrumentalStyle(_request.Genre);
        if (score is not null && InstrumentalScore.Of(score) is { } moved)
        {
            var plan = moved.HasChords ? ScorePlan.Full : ScorePlan.Melody;
            var tags = moved.Sections.Count > 0 ? moved.Sections.Select(Capitalized) : TagsOf(_request.Lyrics);
            return Music(plan, style, TagLines(tags), moved.Score, tokenizer.Encode(moved.Score), warning: null);
        }

        var warning = score is null
            ? null
            : "instrumental: the score cannot be read bar by bar, so its melody cannot be moved from the voice to the "
                + "instruments; the music is made without a score";
        return Music(ScorePlan.Off, style, TagLines(TagsOf(_request.Lyrics)), null, [], warning);
    }

    private MusicScript Music(ScorePlan plan, string style, string lyrics, string? score, int[] ids, string? warning)
    {
        var hasPlan = plan != ScorePlan.Off;
        var prompts = new SongPrompts(tokenizer, plan, style, lyrics);
        var scale = _request.Sampling.GuidanceScale ?? (hasPlan ? 1 : GuidanceWithoutScore);
        var order = new StageOrder(StageIds.Music, StageSampling.Music, prompts.ForMusic(ids), _request.Seed)
        {
            Guidance = scale == 1 ? null : new StageGuidance(prompts.ForGuidance(ids), scale),
            HasPlan = hasPlan,
        };
        var least = _request.Scope == SongScope.Score ? 0 : RequestedTokens ?? StageSampling.Music.MinTokens;
        var room = context - order.PromptLength;
        if (room < least)
        {
            throw TooLong(order.PromptLength, least);
        }

        var most = RequestedTokens ?? Math.Min(StageSampling.Music.MaxTokens, room);
        return new MusicScript(order with { Sampling = Sampling(most) }, score, warning);
    }

    private StageSampling Sampling(int maxTokens) => StageSampling.Music with
    {
        Temperature = _request.Sampling.Temperature,
        TopP = _request.Sampling.TopP,
        TopK = _request.Sampling.TopK == 0 ? StageIds.Music.Content.Count + 1 : _request.Sampling.TopK,
        RepetitionPenalty = _request.Sampling.RepetitionPenalty,
        MinTokens = Math.Min(StageSampling.Music.MinTokens, maxTokens),
        MaxTokens = maxTokens,
    };

    private SongRequestException TooLong(int promptTokens, int neededTokens)
    {
        var shorter = RequestedTokens is null ? "" : ", or request fewer seconds";
        return new(string.Create(
            CultureInfo.InvariantCulture,
            $"the prompt of genre, lyrics and score has {promptTokens} tokens, and the song needs {neededTokens} more; "
                + $"the model's context holds {context}. Shorten the genre line, the lyrics or the score{shorter}"));
    }

    /// <summary>Returns the names of the sections of lyrics, without brackets. If the lyrics have no sections, returns those of a short
    /// song.</summary>
    private static IEnumerable<string> TagsOf(string lyrics) =>
        TagLine().Matches(lyrics).Select(tag => tag.Groups[1].Value.Trim()) is var tags && tags.Any()
            ? tags
            : TagLine().Matches(Yue2Family.About.InstrumentalLyrics).Select(tag => tag.Groups[1].Value);

    /// <summary>Returns text with line feeds as its line breaks, so that the same lines give the same tokens.</summary>
    private static string WithLineFeeds(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    private static string TagLines(IEnumerable<string> tags) => string.Join("\n\n", tags.Select(tag => $"[{tag}]")) + "\n";

    private static string Capitalized(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    [GeneratedRegex(@"^\s*\[([^\]\r\n]+)\]\s*$", RegexOptions.Multiline)]
    private static partial Regex TagLine();
}

/// <summary>The stage that writes a song's music.</summary>
/// <param name="Order">The stage.</param>
/// <param name="Score">The score in the stage's prompt; null if there is none.</param>
/// <param name="Warning">The reason why the written or given score is not used; null if it is used or if there is no score.</param>
internal sealed record MusicScript(StageOrder Order, string? Score, string? Warning);
