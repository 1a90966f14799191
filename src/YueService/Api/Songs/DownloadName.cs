using System.Text;
using Yue.Engine.Audio;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>The name under which a song's file is saved.</summary>
internal static class DownloadName
{
    private const int MaxLength = 100;

    /// <summary>Returns the title, the track unless it is the mix, and the extension.</summary>
    public static string Of(string title, string track, AudioFormat format)
    {
        var name = Clean(title);
        return $"{(name.Length == 0 ? "song" : name)}{(track == SongFolder.Mix ? "" : $" ({track})")}.{format.Name()}";
    }

    /// <summary>Leaves out what file systems refuse: control characters, separators, and dots or spaces at either end.</summary>
    private static string Clean(string title)
    {
        var name = new StringBuilder();
        foreach (var rune in title.EnumerateRunes().Where(rune => !Rune.IsControl(rune)))
        {
            if (name.Length + rune.Utf16SequenceLength > MaxLength)
            {
                break;
            }

            name.Append(rune.Value < 128 && "\"*/:<>?\\|".Contains((char)rune.Value, StringComparison.Ordinal) ? "-" : rune.ToString());
        }

        return name.ToString().Trim('.', ' ');
    }
}
