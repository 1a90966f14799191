using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Yue.Cuda;
using Yue.Engine.Families;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The step loop: moves every admitted song on, one step at a time.</summary>
/// <remarks>Songs of all families take turns, and songs that can share a step do. A song that fails or is cancelled leaves alone. Used by
/// the engine's thread only.</remarks>
internal sealed partial class SongPipeline(ModelSet models, IReadOnlyList<IFamilySongs> families, ILogger logger) : IDisposable
{
    private readonly List<Admitted> _songs = [];

    public int Running => _songs.Count;

    /// <summary>True if one more song can be admitted. None is while a song waits for room for its model, so that the songs which use the
    /// other models come to an end.</summary>
    public bool HasRoom => _songs.Count < models.SongsAtOnce && !_songs.Exists(song => song.Work.IsWaiting);

    /// <summary>Admits a job. A job that cannot even begin fails at once.</summary>
    public void Admit(SongJob job, CancellationToken abandon)
    {
        ISongWork work;
        try
        {
            work = FamilyOf(job.Request.Model).Create(new SongOrder(job.Request, job.Age, job.Report) { Listener = job.Listener });
        }
        catch (SongRequestException error)
        {
            job.Fail(error);
            return;
        }

        var song = new Admitted(job, work, abandon);
        _songs.Add(song);
        Guard([song], work.Begin);
    }

    /// <summary>Takes one step of every song: first the shared steps, then what only one song needs.</summary>
    /// <returns>The seconds that each song finished by this step took, from its admission.</returns>
    public IReadOnlyList<double> Step()
    {
        foreach (var song in _songs.Where(song => song.IsCancelled).ToArray())
        {
            Leave(song, song.Job.SetCancelled);
        }

        var steps = _songs.SelectMany(song => song.Work.SharedSteps, (Song, Step) => (Song, Step));
        foreach (var group in steps.ToLookup(pair => pair.Step, pair => pair.Song))
        {
            // A song that failed in another of its steps has left.
            Admitted[] songs = [.. group.Where(_songs.Contains)];
            if (songs.Length > 0)
            {
                Guard(songs, () => group.Key.Advance([.. songs.Select(song => song.Work)]));
            }
        }

        // If no song has a step to take, the thread waits instead of asking again and again.
        if (_songs.Count > 0 && _songs.TrueForAll(song => song.Work.Background is not null))
        {
            Task.WaitAny([.. _songs.Select(song => song.Work.Background!)]);
        }

        foreach (var song in _songs.ToArray())
        {
            Guard([song], song.Work.Advance);
        }

        var finished = _songs.Where(song => song.Work.Result is not null).ToArray();
        foreach (var song in finished)
        {
            Leave(song, () => song.Job.Succeed(song.Work.Result!));
        }

        return [.. finished.Select(song => song.ElapsedSeconds)];
    }

    /// <summary>Makes a short song with every family, so that the first request finds everything allocated and compiled.</summary>
    public void WarmUp(CancellationToken cancel)
    {
        foreach (var family in families)
        {
            var job = new SongJob(family.WarmUp with { Model = family.Names[0] }, null, cancel);
            for (Admit(job, cancel); Running > 0;)
            {
                Step();
            }

            // A model that cannot make a short song is a failed start, with the song's own error.
            if (job.Result.IsFaulted)
            {
                throw job.Result.Exception.InnerException!;
            }

            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Fails the songs that are left. There are some only if the device is lost.</summary>
    public void Dispose()
    {
        foreach (var song in _songs.ToArray())
        {
            Leave(song, () => song.Job.Fail(new EngineDeadException("the engine stopped while the song was made")));
        }
    }

    private IFamilySongs FamilyOf(string? model) => model is null
        ? families[0]
        : families.FirstOrDefault(family => family.Names.Contains(model)) ?? throw new SongRequestException(
            $"model: {model} is not configured; there is {string.Join(", ", families.SelectMany(family => family.Names))}");

    /// <summary>Runs work on behalf of songs. An exception fails these songs and no others.</summary>
    private void Guard(IReadOnlyList<Admitted> songs, Action work)
    {
        try
        {
            work();
        }
        catch (CudaException error) when (error.IsContextDead)
        {
            throw new EngineDeadException(error.Message, error);
        }
#pragma warning disable CA1031 // Any other error is the songs' own.
        catch (Exception error) when (error is not EngineDeadException)
#pragma warning restore CA1031
        {
            foreach (var song in songs)
            {
                Log.SongFailed(logger, song.Work.Stage, error);
                Leave(song, () => song.Job.Fail(error as SongException ?? new SongException(FirstLine(error.Message), error)));
            }
        }
    }

    /// <summary>Native errors have their stack in the message. The log has all of it.</summary>
    private static string FirstLine(string message) => message.Split('\n', 2)[0].TrimEnd();

    private void Leave(Admitted song, Action settle)
    {
        _songs.Remove(song);
        song.Dispose();
        settle();
    }

    /// <summary>A job and the work on it.</summary>
    private sealed class Admitted(SongJob job, ISongWork work, CancellationToken abandon) : IDisposable
    {
        private readonly CancellationTokenSource _cancel = CancellationTokenSource.CreateLinkedTokenSource(job.Cancel, abandon);
        private readonly long _started = Stopwatch.GetTimestamp();

        public SongJob Job => job;

        public ISongWork Work => work;

        public bool IsCancelled => _cancel.IsCancellationRequested;

        public double ElapsedSeconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

        public void Dispose()
        {
            work.Dispose();
            _cancel.Dispose();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Error, Message = "A song failed in {Stage}")]
        public static partial void SongFailed(ILogger logger, SongStage stage, Exception error);
    }
}
