namespace Yue.Engine.Audio.Readers;

/// <summary>Reads the samples of one sound file from its first sample.</summary>
/// <remarks>The encoder's delay before the sound is skipped if the file states it.</remarks>
internal interface ISoundReader : IDisposable
{
    int Channels { get; }

    int SampleRateHz { get; }

    /// <summary>The number of samples per channel in the file, counted without decoding it.</summary>
    long Length { get; }

    /// <summary>The number of samples per channel that the file's header states; null if it states none.</summary>
    long? ClaimedLength { get; }

    /// <summary>True if the file ends in the middle of a frame or without an end marker.</summary>
    bool IsCut { get; }

    /// <summary>The number of frames so far that could not be decoded and are silent.</summary>
    int DamagedFrames => 0;

    /// <summary>Reads the next samples, all channels interleaved, full scale ±1.</summary>
    /// <param name="interleaved">Has room for at least one sample of every channel.</param>
    /// <returns>The number of samples, a multiple of <see cref="Channels"/>; 0 at the end.</returns>
    /// <exception cref="ClipFaultException">The file cannot be decoded.</exception>
    /// <remarks>Exceptions of the decoder may also be thrown; they can be of any type.</remarks>
    int Read(Span<float> interleaved);
}
