using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs.Shared;

/// <summary>Passes the sound of a worker's songs to the processes that serve the listeners: one file and one notification per
/// chunk.</summary>
/// <remarks>A file holds the sample rate and the number of channels as 32-bit integers, followed by 16-bit PCM. An empty file marks the end
/// of a track; if it is missing, the song ended early. <see cref="SharedSweep"/> deletes the files.</remarks>
internal sealed partial class SoundRelay(
    JobWorker worker, SharedNotices notices, SharedSettings settings, PostgresQueue queue, IFileStore files, ILogger<SoundRelay> logger)
    : BackgroundService
{
    /// <summary>The prefix of the notification that someone is listening; the job's id follows.</summary>
    public const string Listen = "listen ";

    private const string Root = "sound/";
    private const int HeaderBytes = 2 * sizeof(int);

    private readonly ConcurrentDictionary<string, bool> _relayed = new(StringComparer.Ordinal);

    /// <summary>Returns the name of a chunk's file.</summary>
    public static string NameOf(string id, int attempt, string track, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Root}{id}/{attempt}/{track}/{number}");

    /// <summary>Parses the content of a chunk's file.</summary>
    public static (PcmFormat Format, byte[] Pcm) Read(byte[] chunk) => (
        new(BinaryPrimitives.ReadInt32LittleEndian(chunk), BinaryPrimitives.ReadInt32LittleEndian(chunk.AsSpan(sizeof(int)))),
        chunk[HeaderBytes..]);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.IsShared || !settings.MakesSongs)
        {
            return;
        }

        notices.Noticed += Notice;
        await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        notices.Noticed -= Notice;
    }

    private void Notice(string notice)
    {
        if (notice.StartsWith(Listen, StringComparison.Ordinal)
            && worker.Find(notice[Listen.Length..]) is { Sound: { } sound } job
            && _relayed.TryAdd($"{job.Id} {job.Stored!.Attempt}", true))
        {
            _ = RelayAsync(job, sound);
        }
    }

    private async Task RelayAsync(Job job, JobSound sound)
    {
        using (sound.Listen())
        {
            await Task.WhenAll(sound.Tracks.Select(track => RelayAsync(job, sound, track)));
        }

        // A second relay would split the sound differently and overwrite the chunks that listeners are reading.
        await job.Feed.Ended;
        _relayed.TryRemove($"{job.Id} {job.Stored!.Attempt}", out _);
    }

    private async Task RelayAsync(Job job, JobSound sound, string track)
    {
        var number = 0;
        try
        {
            await foreach (var pcm in sound.ReadAsync(track, StreamFormat.Pcm, CancellationToken.None))
            {
                sound.NotePlayback();
                var chunk = new byte[HeaderBytes + pcm.Length];
                BinaryPrimitives.WriteInt32LittleEndian(chunk, sound.Format!.Value.SampleRateHz);
                BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(sizeof(int)), sound.Format!.Value.Channels);
                pcm.CopyTo(chunk, HeaderBytes);
                await WriteAsync(chunk);
            }

            await WriteAsync([]);
        }
        catch (Exception e) when (e is StorageException or SongException)
        {
            // Listeners get an error that says that the song ended early.
            LogBroken(e.Message, job.Id);
        }

        async Task WriteAsync(byte[] chunk)
        {
            await files.WriteAsync(NameOf(job.Id, job.Stored!.Attempt, track, number++), chunk, CancellationToken.None);
            await queue.NotifyAsync($"sound {job.Id}", CancellationToken.None);
        }
    }

    [LoggerMessage(LogLevel.Information, "The sound of job {JobId} is no longer passed on: {Reason}")]
    private partial void LogBroken(string reason, string jobId);
}
