using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs.Audio;

/// <summary>Encodes with the engine's encoder, which writes WAV itself and other formats if ffmpeg is installed.</summary>
internal sealed class SongEncoder : ISongEncoder
{
    private readonly AudioEncoder _encoder = new();

    public bool Supports(AudioFormat format) => _encoder.CanWrite(format);

    public Task<byte[]> EncodeAsync(AudioClip clip, AudioFormat format, SoundTags tags, CancellationToken cancel) =>
        ForSong(() => _encoder.EncodeAsync(clip, format, tags, cancel));

    public Loudness Measure(AudioClip clip) => LoudnessMeter.Measure(clip);

    /// <exception cref="SongException">ffmpeg failed. Other songs are not affected.</exception>
    private static async Task<T> ForSong<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (FfmpegException e)
        {
            throw new SongException(e.Message, e);
        }
    }
}
