using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>A kind of finding in text.</summary>
/// <param name="Code">Its stable name.</param>
/// <param name="One">Returns the message about one piece of text that was found.</param>
/// <param name="All">Returns the message about all pieces of text that were found.</param>
internal sealed record FindingKind(string Code, Func<string, string> One, Func<IReadOnlyList<string>, string> All)
{
    public static readonly FindingKind ControlCharacter = Counted(
        "control_character",
        "a control character or broken Unicode character was replaced by a space",
        "control character(s) or broken Unicode character(s) were replaced by spaces");

    public static readonly FindingKind InvisibleCharacter = Counted(
        "invisible_character", "an invisible character was left out", "invisible character(s) were left out");

    public static readonly FindingKind ControlToken = new(
        "control_token", Steering, items => Steering(string.Join(", ", items.Distinct().Order(StringComparer.Ordinal))));

    public static readonly FindingKind LiteralLineEnd = Constant(
        "literal_line_end", "a backslash followed by n was read as a line break; send real line breaks");

    public static readonly FindingKind FileLine = Listed("file_line", "lines that describe the file are left out: ");

    public static readonly FindingKind TimeStamp = Listed("time_stamp", "time stamps are left out: ");

    public static readonly FindingKind Note = Listed("note", "notes in brackets are left out: ", "; write repeated lines in full");

    public static readonly FindingKind TagNotation = Listed("tag_notation", "tags were read in plain form: ");

    public static readonly FindingKind SungAsWords = Listed(
        "sung_as_words",
        "sung as words: ",
        "; put the names of sections in [square brackets], and remove text that should not be sung");

    public static readonly FindingKind NoTag = Constant(
        "no_tag", $"no [tag] was found; all of the text is sung as one [{LyricsParser.AssumedTag}]");

    public static readonly FindingKind TextBeforeTag = Constant(
        "text_before_tag", $"text before the first tag is sung as [{LyricsParser.AssumedTag}]");

    public static readonly FindingKind SymbolsBeforeTag = Listed(
        "signs_before_tag", "symbols before the first tag are kept in the words of ");

    public static readonly FindingKind DoubtfulTag = new(
        "doubtful_tag",
        tag => $"{tag} was read as the beginning of a section",
        tags => $"text in brackets was read as the beginning of a section: {LyricsParser.Listed(tags.Distinct())}");

    public static readonly FindingKind TagOfSeveralWords = Listed(
        "tag_of_several_words", "a tag must be a single word; tags were read as one word: ");

    public static readonly FindingKind BracketInWords = Listed(
        "bracket_in_words", "sung as words: ", "; put tags at the start of a line, and remove text that should not be sung");

    public static readonly FindingKind Blank = Constant("blank", "blank; there is nothing to sing");

    public static readonly FindingKind TagsOnly = Constant("tags_only", "there are only tags and no words");

    public static readonly FindingKind SectionWithoutWords = new(
        "section_without_words", tag => $"no words in {tag}", tags => $"no words in {LyricsParser.Listed(tags)}");

    /// <summary>The kinds in the order of the warnings.</summary>
    public static IReadOnlyList<FindingKind> InOrder { get; } =
    [
        ControlCharacter, InvisibleCharacter, ControlToken, LiteralLineEnd, FileLine, TimeStamp, Note, TagNotation, SungAsWords, NoTag,
        TextBeforeTag, SymbolsBeforeTag, DoubtfulTag, TagOfSeveralWords, BracketInWords, Blank, TagsOnly, SectionWithoutWords,
    ];

    private static string Steering(string token) => $"{token} would steer the model; the brackets were replaced by parentheses";

    private static FindingKind Constant(string code, string message) => new(code, _ => message, _ => message);

    private static FindingKind Counted(string code, string one, string all) => new(code, _ => one, items => $"{items.Count} {all}");

    private static FindingKind Listed(string code, string before, string after = "") => new(
        code,
        item => $"{before}{LyricsParser.Listed([item])}{after}",
        items => $"{before}{LyricsParser.Listed(items.Distinct())}{after}");
}

/// <summary>The findings in the text of a field.</summary>
/// <param name="fieldName">The name of the field.</param>
internal sealed class TextFindings(string fieldName)
{
    private readonly List<(FindingKind Kind, string Text, TextSpan Span)> _found = [];

    /// <summary>All findings, ordered by position in the text.</summary>
    public IReadOnlyList<SongFinding> All =>
    [
        .. _found.OrderBy(found => found.Span.Start)
            .Select(found => new SongFinding(found.Kind.Code, fieldName, $"{fieldName}: {found.Kind.One(found.Text)}", found.Span)),
    ];

    /// <summary>The findings as warnings, one sentence per kind.</summary>
    public IReadOnlyList<string> Warnings =>
    [
        .. from kind in FindingKind.InOrder
           let texts = _found.Where(found => found.Kind == kind).Select(found => found.Text).ToList()
           where texts.Count > 0
           select $"{fieldName}: {kind.All(texts)}",
    ];

    /// <summary>Adds a finding.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="text">The text that was found.</param>
    /// <param name="span">Its position in the user's text.</param>
    public void Add(FindingKind kind, string text, TextSpan span) => _found.Add((kind, text, span));
}
