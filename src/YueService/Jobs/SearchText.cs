using Yue.Engine.Text;

namespace YueService.Jobs;

/// <summary>The text in which songs are searched for: without differences of letter case or of Unicode composition.</summary>
internal static class SearchText
{
    /// <summary>Returns the text of a song.</summary>
    public static string Of(string? title, string genre, string lyrics) => Fold($"{title}\n{genre}\n{lyrics}");

    /// <summary>Returns a text without the differences that a search does not see.</summary>
    /// <remarks>By way of capitals, since some letters have two small forms, such as the Greek sigma.</remarks>
    public static string Fold(string text) => Normalization.ToNfc(text).ToUpperInvariant().ToLowerInvariant();
}
