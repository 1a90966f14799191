using Yue.Engine.Text;

namespace YueService.Jobs;

/// <summary>The text for searching songs, normalized in letter case and Unicode composition.</summary>
internal static class SearchText
{
    /// <summary>Returns the text of a song.</summary>
    public static string Of(string? title, string genre, string lyrics) => Fold($"{title}\n{genre}\n{lyrics}");

    /// <summary>Returns the normalized text.</summary>
    /// <remarks>Converts to capitals first, because some letters have two lowercase forms, such as the Greek sigma.</remarks>
    public static string Fold(string text) => Normalization.ToNfc(text).ToUpperInvariant().ToLowerInvariant();
}
