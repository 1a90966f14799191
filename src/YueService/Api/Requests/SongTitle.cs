using System.Globalization;
using System.Text;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;
using YueService.Jobs;

namespace YueService.Api.Requests;

/// <summary>Reads titles, and makes titles for songs without one.</summary>
internal static class SongTitle
{
    /// <summary>The maximum length of a title in characters.</summary>
    public const int MaxLength = 200;

    private const string Untitled = "Untitled";

    /// <summary>Reads a title. Reports a title that is not a single line or has no visible character. Returns null if the title is absent,
    /// is not text, or has an invalid length.</summary>
    public static string? Read(FieldReader fields, TextField field)
    {
        var title = fields.Text(field);
        if (title is not null && title.EnumerateRunes().Any(Rune.IsControl))
        {
            fields.Require(field, "has a line break or another control character", "one line of text");
        }
        else if (title is not null && title.EnumerateRunes().All(IsInvisible))
        {
            fields.Require(field, "is blank", "a title with visible characters");
        }

        return title;
    }

    private static bool IsInvisible(Rune rune) => Rune.IsWhiteSpace(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format;

    /// <summary>Returns the title of a stored song. Songs from earlier releases have no stored title and get a default one.</summary>
    public static string Of(StoredJob job) => job.Request.Title ?? Of(job.Request.Song);

    /// <summary>Returns the title that a song was given; null if it has the default title.</summary>
    public static string? GivenTo(StoredJob job) => job.Request.Title == Of(job.Request.Song) ? null : job.Request.Title;

    /// <summary>Returns the first line of the lyrics that has words, the genre line if no line has words, or a fixed title if the genre
    /// line is blank, too.</summary>
    public static string Of(SongRequest song)
    {
        var words = LyricsParser.Parse(song.Lyrics).Sections.SelectMany(section => section.Words.Split('\n'));
        var line = words.Append(song.Genre).Select(text => text.Trim()).FirstOrDefault(text => text.Length > 0) ?? Untitled;
        return JsonText.Cut(line, MaxLength - 1);
    }
}
