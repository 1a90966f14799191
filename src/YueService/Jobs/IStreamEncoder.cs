using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>Encodes sound as it arrives.</summary>
internal interface IStreamEncoder
{
    /// <summary>Returns whether a format can be streamed here.</summary>
    bool Supports(StreamFormat format);

    /// <summary>Encodes PCM. The result ends when the sound ends, and fails if the sound fails.</summary>
    /// <param name="pcm">Reads the sound.</param>
    /// <param name="input">Its format.</param>
    /// <param name="format">The format of the result.</param>
    /// <param name="tags">The metadata to write into the result.</param>
    /// <param name="cancel">Stops the encoder.</param>
    ChunkFeed Encode(
        Func<CancellationToken, IAsyncEnumerable<byte[]>> pcm,
        PcmFormat input,
        StreamFormat format,
        SoundTags tags,
        CancellationToken cancel);
}

/// <summary>Encodes streams with ffmpeg, one process per stream.</summary>
internal sealed partial class StreamEncoder(ILogger<StreamEncoder> logger) : IStreamEncoder, IDisposable
{
    private const int BufferBytes = 16 * 1024;
    private readonly AudioEncoder _encoder = new();
    private readonly CancellationTokenSource _stop = new();

    public bool Supports(StreamFormat format) => format is StreamFormat.Wav or StreamFormat.Pcm || _encoder.IsAvailable;

    public ChunkFeed Encode(
        Func<CancellationToken, IAsyncEnumerable<byte[]>> pcm,
        PcmFormat input,
        StreamFormat format,
        SoundTags tags,
        CancellationToken cancel)
    {
        var encoded = new ChunkFeed();
        _ = Task.Run(() => RunAsync(pcm, encoded, input, format, tags, cancel), CancellationToken.None);
        return encoded;
    }

    /// <summary>Kills the processes that are still running.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task RunAsync(
        Func<CancellationToken, IAsyncEnumerable<byte[]>> pcm,
        ChunkFeed encoded,
        PcmFormat input,
        StreamFormat format,
        SoundTags tags,
        CancellationToken cancelled)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, cancelled);
        Exception? fault = null;
        try
        {
            await _encoder.EncodeStreamAsync(input, format, tags, WriteAsync, ReadAsync, stop.Token);
        }
        catch (Exception e) when (e is FfmpegException or SongException or OperationCanceledException or IOException)
        {
            fault = e as SongException ?? new SongException(e.Message, e);
            if (e is FfmpegException)
            {
                LogFailed(e.Message);
            }
        }

        encoded.Complete(fault);

        async Task WriteAsync(Stream stream, CancellationToken cancel)
        {
            await foreach (var chunk in pcm(cancel))
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

    [LoggerMessage(LogLevel.Warning, "A stream could not be encoded: {Reason}")]
    private partial void LogFailed(string reason);
}
