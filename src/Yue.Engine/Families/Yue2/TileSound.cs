using Yue.Engine.Audio;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2;

/// <summary>The sound of a song that is being decoded. Tiles are clamped, joined and sent to the song's listener.</summary>
/// <remarks>Tiles are added by the engine's thread. Thread-pool threads process them, one tile at a time.</remarks>
/// <param name="listener">Receives the sound while it is being decoded; null if there is no listener.</param>
/// <param name="format">The format of the sound.</param>
/// <param name="samples">The number of samples per channel.</param>
/// <param name="fadeSamples">The number of samples per channel that fade out; 0 for none.</param>
internal sealed class TileSound(ISongListener? listener, PcmFormat format, int samples, int fadeSamples)
{
    private readonly float[] _mix = new float[samples * format.Channels];
    private Task _work = Task.CompletedTask;
    private int _done;                  // the number of finished samples per channel
    private long _clipped;
    private volatile bool _isStopped;

    /// <summary>The decoded fraction of the sound.</summary>
    public double Share { get; private set; }

    /// <summary>Adds the next tile.</summary>
    /// <param name="tile">[channels, S], F32; the caller owns it.</param>
    public void Add(Tensor tile)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var interleaved = tile.cpu().transpose(0, 1).contiguous().data<float>().ToArray();
        Share += interleaved.Length / (double)_mix.Length;
        var before = _work;
        _work = Task.Run(async () =>
        {
            await before.ConfigureAwait(false);
            Join(interleaved);
        });
    }

    /// <summary>Rethrows the exception if the processing of a tile has failed.</summary>
    public void ThrowIfFaulted()
    {
        if (_work.IsFaulted)
        {
            _work.GetAwaiter().GetResult();
        }
    }

    /// <summary>Waits until all tiles are processed. Returns the whole sound, and the number of samples that exceeded full scale.</summary>
    public async Task<(AudioClip Mix, long Clipped)> CompleteAsync()
    {
        await _work.ConfigureAwait(false);
        return (new AudioClip(_mix, format.SampleRateHz, format.Channels), _clipped);
    }

    /// <summary>Stops sending sound.</summary>
    public void Stop() => _isStopped = true;

    private void Join(float[] tile)
    {
        foreach (ref var sample in tile.AsSpan())
        {
            _clipped += Math.Abs(sample) > 1 ? 1 : 0;
            sample = Math.Clamp(sample, -1, 1);
        }

        FadeOut.Apply(tile, samples - fadeSamples - _done, fadeSamples, format.Channels);
        tile.CopyTo(_mix, _done * format.Channels);
        var start = _done;
        _done += tile.Length / format.Channels;
        if (listener is not null && !_isStopped)
        {
            listener.Hear(new SongSound(start, format.SampleRateHz, tile, null, null, IsEnd: _done == samples)
            {
                Channels = format.Channels,
            });
        }
    }
}
