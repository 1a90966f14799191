using Yue.Engine.Text;

namespace YueService.Jobs;

/// <summary>The searchable text of songs and the text of queries, with letter case and Unicode composition normalized.</summary>
internal static class SearchText
{
    /// <summary>Returns the searchable text of a song.</summary>
    public static string Of(string? title, string genre, string lyrics) => Fold($"{title}\n{genre}\n{lyrics}");

    /// <summary>Returns the normalized text.</summary>
    /// <remarks>Converts to uppercase first, because some letters have two lowercase forms, such as the Greek sigma.</remarks>
    public static string Fold(string text) => Normalization.ToNfc(text).ToUpperInvariant().ToLowerInvariant();
}
