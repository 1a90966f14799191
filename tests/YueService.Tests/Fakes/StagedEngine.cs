using System.Collections.Concurrent;
using System.Threading.Channels;
using Yue.Engine.Songs;

namespace YueService.Tests.Fakes;

/// <summary>Makes a <see cref="FakeSongEngine"/> sing one song at a time, step by step under the control of the test.</summary>
internal sealed class StagedEngine
{
    private readonly ConcurrentDictionary<string, StagedSong> _songs = new();
    private int _ended;

    /// <param name="engine">The engine to control.</param>
    public StagedEngine(FakeSongEngine engine)
    {
        engine.Slots = 1;
        engine.Sing = async (request, progress, cancel) =>
        {
            try
            {
                return await SingAsync(request, progress, cancel);
            }
            finally
            {
                Interlocked.Increment(ref _ended);
            }
        };
    }

    /// <summary>True if songs run without waiting for the test.</summary>
    public bool RunsFreely { get; set; }

    /// <summary>The number of songs that finished, failed or were cancelled.</summary>
    public int Ended => Volatile.Read(ref _ended);

    /// <summary>Returns the song with the given lyrics.</summary>
    public StagedSong this[string lyrics] => _songs.GetOrAdd(lyrics, _ => new StagedSong());

    private async Task<SongResult> SingAsync(SongRequest request, IProgress<SongProgress>? progress, CancellationToken cancel)
    {
        var song = this[request.Lyrics];
        progress?.Report(new(SongStage.Stage1, 1, 2, 0, 100, 0));
        song.Started.TrySetResult();
        if (!RunsFreely)
        {
            await song.StepAsync(progress, cancel);
        }

        return FakeSongEngine.Song(request);
    }
}

/// <summary>A song under the test's control.</summary>
internal sealed class StagedSong
{
    private readonly Channel<SongProgress?> _steps = Channel.CreateUnbounded<SongProgress?>();

    public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes the engine report the progress.</summary>
    public void Report(SongProgress progress) => _steps.Writer.TryWrite(progress);

    /// <summary>Makes the engine finish the song.</summary>
    public void Finish() => _steps.Writer.TryWrite(null);

    /// <summary>Makes the song fail.</summary>
    public void Fail(SongException reason) => _steps.Writer.TryComplete(reason);

    public async Task StepAsync(IProgress<SongProgress>? progress, CancellationToken cancel)
    {
        try
        {
            while (await _steps.Reader.ReadAsync(cancel) is { } step)
            {
                progress?.Report(step);
            }
        }
        catch (ChannelClosedException e) when (e.InnerException is SongException reason)
        {
            throw reason;
        }
    }
}
