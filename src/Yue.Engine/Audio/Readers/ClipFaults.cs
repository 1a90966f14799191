namespace Yue.Engine.Audio.Readers;

/// <summary>The limits of all readers, and the errors that several readers report, each as the end of a sentence about the file.</summary>
internal static class ClipFaults
{
    public const int MaxChannels = 8;

    /// <summary>The supported kinds of file.</summary>
    public const string Kinds = "wav, aiff, mp3, ogg, flac or m4a";

    public const string Unreadable = $"is not a supported sound file; send {Kinds}, without video";

    public static string ContainsVideo(string codec) => $"contains video ({codec}); send only its audio track";

    public static string HasChannels(int channels) => $"has {channels} channels; 1 to {MaxChannels} are supported";
}
