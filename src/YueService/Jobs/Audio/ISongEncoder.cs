using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>Turns sound into the bytes of a file. Encoding runs on the caller's thread, never on the engine's thread.</summary>
internal interface ISongEncoder
{
    /// <summary>Returns <c>true</c> if files of this format can be made here; <c>false</c> if the required program is missing.</summary>
    bool Supports(AudioFormat format);

    /// <summary>Returns the whole file.</summary>
    /// <param name="clip">The sound; samples beyond ±1 are clipped.</param>
    /// <param name="format">A format that <see cref="Supports"/> allows.</param>
    /// <param name="tags">The metadata to write into the file.</param>
    /// <param name="cancel">Stops the encoding and any process that does it.</param>
    Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, SoundTags tags, CancellationToken cancel);

    /// <summary>Measures the loudness of a clip.</summary>
    /// <param name="clip">The sound.</param>
    Loudness Measure(AudioClip clip);
}
