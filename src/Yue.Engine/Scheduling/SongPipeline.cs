using Microsoft.Extensions.Logging;
using Yue.Cuda;
using Yue.Engine.Families;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The step loop. Advances every admitted song by one step at a time.</summary>
/// <remarks>Songs of all families take turns, and songs share a step where possible. A song that fails or is cancelled does not affect the
/// others. Used by the engine's thread only.</remarks>
internal sealed partial class SongPipeline(ModelSet models, IReadOnlyList<IFamilySongs> families, ILogger logger) : IDisposable
{
    private readonly List<Admitted> _songs = [];

    public int Running => _songs.Count;

    /// <summary>The number of songs that can be admitted. It is 0 while a song is waiting for room for its model, so that the songs that
    /// use other models can finish.</summary>
    public int Room => _songs.Exists(song => song.Work.IsWaiting) ? 0 : models.SongsAtOnce - _songs.Count;

    /// <summary>Admits a song. A song that cannot start fails immediately.</summary>
    public void Admit(SongTicket ticket, CancellationToken abandon)
    {
        ISongWork? work = null;
        if (ErrorOf(() => work = Create(ticket)) is { } error)
        {
            if (error is not SongRequestException)
            {
                Log.SongFailed(logger, SongStage.Queued, error);
            }

            ticket.Fail(AsFault(error));
            return;
        }

        var song = new Admitted(ticket, work!, abandon);
        _songs.Add(song);
        Guard([song], song.Work.Begin);
    }

    /// <summary>Runs one step of every song: first the shared steps, then those of individual songs.</summary>
    public void Step()
    {
        foreach (var song in _songs.Where(song => song.IsCancelled).ToArray())
        {
            Leave(song, song.Ticket.SetCancelled);
        }

        var steps = _songs.SelectMany(song => song.Work.SharedSteps, (Song, Step) => (Song, Step));
        foreach (var group in steps.ToLookup(pair => pair.Step, pair => pair.Song))
        {
            // A song that failed in another step has been removed.
            Admitted[] songs = [.. group.Where(_songs.Contains)];
            if (songs.Length > 0)
            {
                Guard(songs, () => group.Key.Advance([.. songs.Select(song => song.Work)]));
            }
        }

        // If no song has a step to run, the thread waits instead of polling.
        if (_songs.Count > 0 && _songs.TrueForAll(song => song.Work.Background is not null))
        {
            Task.WaitAny([.. _songs.Select(song => song.Work.Background!)]);
        }

        foreach (var song in _songs.ToArray())
        {
            Guard([song], song.Work.Advance);
        }

        foreach (var song in _songs.Where(song => song.Work.Result is not null).ToArray())
        {
            Leave(song, () => song.Ticket.Succeed(song.Work.Result!));
        }
    }

    /// <summary>Carries out an order.</summary>
    public void Run(ModelOrder order, Action<ModelSet> done)
    {
        var isDone = false;
        var error = ErrorOf(() =>
        {
            isDone = order.Run(models, families.SelectMany(family => family.Names));
            if (Running == 0)
            {
                models.SleepIfEmpty();
            }
        });
        done(models);
        if (error is null)
        {
            order.Complete(isDone);
        }
        else
        {
            Log.NotLoadedOrUnloaded(logger, error);
            order.Fail(AsFault(error));
        }
    }

    /// <summary>Makes a short song with every family, so that everything is allocated and compiled before the first request.</summary>
    public void WarmUp(CancellationToken cancel)
    {
        foreach (var family in families)
        {
            var ticket = new SongTicket(family.WarmUp with { Model = family.Names[0] }, null, cancel);
            for (Admit(ticket, cancel); Running > 0;)
            {
                Step();
            }

            // If a model cannot make a short song, startup fails with that song's error.
            if (ticket.Result.IsFaulted)
            {
                throw ticket.Result.Exception.InnerException!;
            }

            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Fails the remaining songs. There are none unless the device is lost.</summary>
    public void Dispose()
    {
        foreach (var song in _songs.ToArray())
        {
            Leave(song, () => song.Ticket.Fail(new EngineDeadException("the engine stopped while the song was being made")));
        }
    }

    private IFamilySongs FamilyOf(string? model) => model is null
        ? families[0]
        : families.FirstOrDefault(family => family.Names.Contains(model)) ?? throw new SongRequestException(
            $"model: {model} is not configured; available models: {string.Join(", ", families.SelectMany(family => family.Names))}");

    private ISongWork Create(SongTicket ticket)
    {
        models.Wake();
        return FamilyOf(ticket.Request.Model).Create(
            new SongOrder(ticket.Request, ticket.Age, ticket.Report) { Listener = ticket.Listener });
    }

    /// <summary>Runs work on behalf of songs. An exception fails only these songs.</summary>
    private void Guard(IReadOnlyList<Admitted> songs, Action work)
    {
        if (ErrorOf(work) is { } error)
        {
            foreach (var song in songs)
            {
                Log.SongFailed(logger, song.Work.Stage, error);
                Leave(song, () => song.Ticket.Fail(AsFault(error)));
            }
        }
    }

    /// <summary>Runs work and returns its exception; null if there is none.</summary>
    /// <exception cref="EngineDeadException">The device is lost.</exception>
    private static Exception? ErrorOf(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (CudaException error) when (error.IsContextDead)
        {
            throw new EngineDeadException(error.Message, error);
        }
#pragma warning disable CA1031 // Any other error affects only the songs or the order.
        catch (Exception error) when (error is not EngineDeadException)
#pragma warning restore CA1031
        {
            return error;
        }
    }

    /// <summary>Converts an error to the exception with which a song or an order fails. Only the first line of the message is kept,
    /// because the messages of native errors contain a stack trace. The log contains the whole message.</summary>
    private static SongException AsFault(Exception error) =>
        error as SongException ?? new SongException(error.Message.Split('\n', 2)[0].TrimEnd(), error);

    private void Leave(Admitted song, Action settle)
    {
        _songs.Remove(song);
        song.Dispose();
        settle();
    }

    /// <summary>A ticket and the state of its song.</summary>
    private sealed class Admitted(SongTicket ticket, ISongWork work, CancellationToken abandon) : IDisposable
    {
        private readonly CancellationTokenSource _cancel = CancellationTokenSource.CreateLinkedTokenSource(ticket.Cancel, abandon);

        public SongTicket Ticket => ticket;

        public ISongWork Work => work;

        public bool IsCancelled => _cancel.IsCancellationRequested;

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

        [LoggerMessage(Level = LogLevel.Error, Message = "Models could not be loaded or unloaded")]
        public static partial void NotLoadedOrUnloaded(ILogger logger, Exception error);
    }
}
