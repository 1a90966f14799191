using Microsoft.Extensions.Logging;
using Yue.Cuda;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The step loop's work: moves every admitted song through stage 1, stage 2 and decode, a step at a time.</summary>
/// <remarks>Songs in the same stage share a step. A song that fails or is cancelled leaves alone. Used by the engine's
/// thread only.</remarks>
internal sealed partial class SongPipeline(ModelSet models, ILogger logger) : IDisposable
{
    private readonly List<Song> _songs = [];

    public int Running => _songs.Count;

    /// <summary>No song comes in while one waits for room for its model: the songs that use the others then come to an end.</summary>
    public bool HasRoom => _songs.Count < models.SongsAtOnce && !_songs.Exists(song => song.IsWaiting);

    /// <summary>Takes a job in; one that cannot even begin fails at once.</summary>
    public void Admit(SongJob job, CancellationToken abandon)
    {
        var song = new Song(job, models, abandon);
        _songs.Add(song);
        Guard(song, song.Begin);
    }

    /// <summary>One step of each stage.</summary>
    /// <returns>The seconds that each song finished by this step took, from its start.</returns>
    public IReadOnlyList<double> Step()
    {
        foreach (var song in _songs.Where(song => song.IsCancelled).ToArray())
        {
            Leave(song, song.Job.SetCancelled);
        }

        foreach (var group in _songs.Where(song => song.Stage1Decoder is not null).GroupBy(song => song.Stage1Decoder!).ToArray())
        {
            Guard(group.ToArray(), songs => group.Key.Advance([.. songs.Select(song => song.Stage1Sequence)]));
        }

        foreach (var group in _songs.Where(song => song.Stage2Decoder is not null).GroupBy(song => song.Stage2Decoder!).ToArray())
        {
            Guard(group.ToArray(), _ => group.Key.Advance());
        }

        // Nothing else to step: the thread waits instead of asking again and again.
        if (_songs.Count > 0 && _songs.TrueForAll(song => song.Finishing is not null))
        {
            Task.WaitAny([.. _songs.Select(song => song.Finishing!)]);
        }

        foreach (var song in _songs.ToArray())
        {
            Guard(song, song.Advance);
        }

        var finished = _songs.Where(song => song.Result is not null).ToArray();
        foreach (var song in finished)
        {
            Leave(song, () => song.Job.Succeed(song.Result!));
        }

        return [.. finished.Select(song => song.ElapsedSeconds)];
    }

    /// <summary>Makes a second of a song, so that the first request finds everything allocated and compiled.</summary>
    public void WarmUp(CancellationToken cancel)
    {
        var request = new SongRequest { Lyrics = "[verse]\nla", MaxNewTokens = SongLimits.MinMaxNewTokens, RunNSegments = 1 };
        var job = new SongJob(request, null, cancel);
        for (Admit(job, cancel); Running > 0;)
        {
            Step();
        }

        // A model that cannot make a second of sound is a failed start, with the song's own error.
        if (job.Result.IsFaulted)
        {
            throw job.Result.Exception.InnerException!;
        }

        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>Fails the songs that are left: there are some only when the device is lost.</summary>
    public void Dispose()
    {
        foreach (var song in _songs.ToArray())
        {
            Leave(song, () => song.Job.Fail(new EngineDeadException("the engine stopped while the song was made")));
        }
    }

    private void Guard(Song song, Action work) => Guard([song], _ => work());

    /// <summary>Runs work on behalf of songs; what it throws fails these songs and no other.</summary>
    private void Guard(IReadOnlyList<Song> songs, Action<IReadOnlyList<Song>> work)
    {
        try
        {
            work(songs);
        }
        catch (CudaException error) when (error.IsContextDead)
        {
            throw new EngineDeadException(error.Message, error);
        }
#pragma warning disable CA1031 // Any other error is this song's own.
        catch (Exception error) when (error is not EngineDeadException)
#pragma warning restore CA1031
        {
            foreach (var song in songs)
            {
                Log.SongFailed(logger, song.Stage, error);
                Leave(song, () => song.Job.Fail(error as SongException ?? new SongException(FirstLine(error.Message), error)));
            }
        }
    }

    /// <summary>Native errors carry their stack in the message; the log has it all.</summary>
    private static string FirstLine(string message) => message.Split('\n', 2)[0].TrimEnd();

    private void Leave(Song song, Action settle)
    {
        _songs.Remove(song);
        song.Dispose();
        settle();
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Error, Message = "A song failed in {Stage}")]
        public static partial void SongFailed(ILogger logger, SongStage stage, Exception error);
    }
}
