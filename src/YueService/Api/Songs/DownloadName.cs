using System.Globalization;
using System.Text;
using Yue.Engine.Audio;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>The name under which a song's file is saved.</summary>
internal static class DownloadName
{
    // File systems allow names of up to 255 bytes; the track and the extension take some of them.
    private const int MaxTitleBytes = 200;

    /// <summary>Returns the file name: the title, the track in parentheses unless it is the mix, and the extension.</summary>
    public static string Of(string title, string track, AudioFormat format)
    {
        var name = Clean(title);
        return $"{(name.Length == 0 ? "song" : name)}{(track == SongFolder.Mix ? "" : $" ({track})")}.{format.Name()}";
    }

    /// <summary>Removes or replaces characters that file systems reject or that can mislead users, and shortens the name without
    /// splitting a user-visible character.</summary>
    private static string Clean(string title)
    {
        var visible = string.Concat(title.EnumerateRunes().Select(Replace));
        var name = new StringBuilder();
        var bytes = 0;
        for (var elements = StringInfo.GetTextElementEnumerator(visible); elements.MoveNext();)
        {
            var element = elements.GetTextElement();
            bytes += Encoding.UTF8.GetByteCount(element);
            if (bytes > MaxTitleBytes)
            {
                break;
            }

            name.Append(element);
        }

        return name.ToString().Trim().Trim('.', ' ');
    }

    private static string Replace(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => " ",

        // The zero-width joiner is kept because it combines emoji. Direction marks are removed because they can disguise an extension.
        UnicodeCategory.Format => rune.Value == 0x200D ? rune.ToString() : "",
        _ => "\"*/:<>?\\|".EnumerateRunes().Contains(rune) ? "-" : rune.ToString(),
    };
}
