using System.Collections.Concurrent;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Tests.Fakes;

/// <summary>Makes a <see cref="FakeSongEngine"/> sing one song at a time from a bounded queue, each step when the test says so.</summary>
internal sealed class StagedEngine : IDisposable
{
    private readonly ConcurrentDictionary<string, StagedSong> _songs = new();
    private readonly SemaphoreSlim _voice = new(1, 1);
    private int _waiting;
    private int _ended;

    /// <param name="engine">The engine to direct.</param>
    /// <param name="capacity">Songs that may wait.</param>
    public StagedEngine(FakeSongEngine engine, int capacity = 8)
    {
        engine.Admit = () => Volatile.Read(ref _waiting) < capacity ? SubmitOutcome.Accepted : SubmitOutcome.QueueFull;
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

    /// <summary>Whether songs run through without the test's word.</summary>
    public bool RunsFreely { get; set; }

    /// <summary>Songs that were made, refused or cancelled.</summary>
    public int Ended => Volatile.Read(ref _ended);

    /// <summary>A song by its lyrics.</summary>
    public StagedSong this[string lyrics] => _songs.GetOrAdd(lyrics, _ => new StagedSong());

    /// <summary>Fails a song that waits, as the engine does at shutdown.</summary>
    public void Refuse(string lyrics, Exception reason) => this[lyrics].Refuse(reason);

    public void Dispose() => _voice.Dispose();

    /// <summary>Waits in order of arrival; a song that is refused leaves its place.</summary>
    private async Task WaitForTurnAsync(StagedSong song, CancellationToken cancel)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancel, song.Refusal);
        try
        {
            await _voice.WaitAsync(leave.Token);
        }
        catch (OperationCanceledException) when (song.Refused is { } reason)
        {
            throw reason;
        }
    }

    private async Task<SongResult> SingAsync(SongRequest request, IProgress<SongProgress>? progress, CancellationToken cancel)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            await WaitForTurnAsync(this[request.Lyrics], cancel);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        try
        {
            var song = this[request.Lyrics];
            progress?.Report(new(SongStage.Stage1, 1, 2, 0, 100, 0));
            song.Begun.TrySetResult();
            if (!RunsFreely)
            {
                await song.StepAsync(progress, cancel);
            }

            return FakeSongEngine.Song(request);
        }
        finally
        {
            _voice.Release();
        }
    }
}

/// <summary>A song under the test's direction.</summary>
internal sealed class StagedSong : IDisposable
{
    private readonly CancellationTokenSource _refusal = new();
    private readonly System.Threading.Channels.Channel<SongProgress?> _steps = System.Threading.Channels.Channel.CreateUnbounded<SongProgress?>();

    public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Why the song is refused while it waits; null when it is not.</summary>
    public Exception? Refused { get; private set; }

    /// <summary>Cancelled when the song is refused.</summary>
    public CancellationToken Refusal => _refusal.Token;

    public void Refuse(Exception reason)
    {
        Refused = reason;
        _refusal.Cancel();
    }

    public void Dispose() => _refusal.Dispose();

    /// <summary>Makes the engine report this.</summary>
    public void Report(SongProgress progress) => _steps.Writer.TryWrite(progress);

    /// <summary>Makes the engine finish the song.</summary>
    public void Finish() => _steps.Writer.TryWrite(null);

    public async Task StepAsync(IProgress<SongProgress>? progress, CancellationToken cancel)
    {
        while (await _steps.Reader.ReadAsync(cancel) is { } step)
        {
            progress?.Report(step);
        }
    }
}
