using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>Encodes sound while it arrives.</summary>
internal interface IStreamEncoder
{
    /// <summary>Returns whether a format can be streamed here.</summary>
    bool Supports(StreamFormat format);

    /// <summary>Encodes mono 16-bit PCM. The result ends as the sound does.</summary>
    ChunkFeed Encode(ChunkFeed pcm, int sampleRateHz, StreamFormat format);
}

/// <summary>Encodes streams with ffmpeg, one process per stream.</summary>
internal sealed class StreamEncoder : IStreamEncoder, IDisposable
{
    private const int BufferBytes = 16 * 1024;
    private readonly AudioEncoder _encoder = new();
    private readonly CancellationTokenSource _stop = new();

    public bool Supports(StreamFormat format) => format is StreamFormat.Wav or StreamFormat.Pcm || _encoder.IsAvailable;

    public ChunkFeed Encode(ChunkFeed pcm, int sampleRateHz, StreamFormat format)
    {
        var encoded = new ChunkFeed();
        _ = Task.Run(() => RunAsync(pcm, encoded, sampleRateHz, format));
        return encoded;
    }

    /// <summary>Kills the processes that still run.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task RunAsync(ChunkFeed pcm, ChunkFeed encoded, int sampleRateHz, StreamFormat format)
    {
        Exception? fault = null;
        try
        {
            await _encoder.EncodeStreamAsync(sampleRateHz, format, WriteAsync, ReadAsync, _stop.Token);
        }
        catch (Exception e) when (e is FfmpegException or SongException or OperationCanceledException)
        {
            fault = e as SongException ?? new SongException(e.Message, e);
        }

        encoded.Complete(fault);

        async Task WriteAsync(Stream stream, CancellationToken cancel)
        {
            await foreach (var chunk in pcm.ReadAsync(cancel))
            {
                await stream.WriteAsync(chunk, cancel);
                await stream.FlushAsync(cancel);
            }
        }

        async Task ReadAsync(Stream stream, CancellationToken cancel)
        {
            var buffer = new byte[BufferBytes];
            while (await stream.ReadAsync(buffer, cancel) is var count and > 0)
            {
                encoded.Add(buffer[..count]);
            }
        }
    }
}
