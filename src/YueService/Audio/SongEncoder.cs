using Yue.Engine;
using Yue.Engine.Audio;

namespace YueService.Audio;

/// <summary>Encodes with the engine's encoder: WAV by itself, the other formats where ffmpeg is installed.</summary>
internal sealed class SongEncoder : ISongEncoder
{
    private readonly AudioEncoder _encoder = new();

    public bool Supports(AudioFormat format) => _encoder.CanWrite(format);

    /// <exception cref="SongException">ffmpeg failed: this song is lost, others are not.</exception>
    public async Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, CancellationToken cancel)
    {
        try
        {
            return await _encoder.EncodeAsync(clip, format, cancel);
        }
        catch (AudioEncodingException e)
        {
            throw new SongException(e.Message, e);
        }
    }
}
