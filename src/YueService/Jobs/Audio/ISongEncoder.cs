using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>Turns sound into the bytes of a file, on the caller's side: the engine's thread never encodes.</summary>
internal interface ISongEncoder
{
    /// <summary>Returns <c>true</c> if files of this format can be made here; <c>false</c> when the program it needs is missing.</summary>
    bool Supports(AudioFormat format);

    /// <summary>The whole file.</summary>
    /// <param name="clip">The sound; samples past ±1 clip.</param>
    /// <param name="format">A format that <see cref="Supports"/> allows.</param>
    /// <param name="tags">What the file says about the song.</param>
    /// <param name="cancel">Stops the encoding and any process that does it.</param>
    Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, SoundTags tags, CancellationToken cancel);

    /// <summary>Measures how loud a clip is.</summary>
    /// <param name="clip">The sound.</param>
    Loudness Measure(AudioClip clip);
}
