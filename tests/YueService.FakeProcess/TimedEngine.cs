using System.Globalization;
using System.Text.RegularExpressions;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.FakeProcess;

/// <summary>An engine whose songs take the time given in their lyrics (<c>seconds=0.5</c>) and have a
/// <see cref="SimulatedSound"/>.</summary>
/// <remarks><c>FAKE_SECONDS</c> is the default time, <c>FAKE_SLOTS</c> the number of concurrent songs, <c>FAKE_LENGTH</c> the length of
/// a song in seconds, and <c>FAKE_MODELS</c> the names of the models, separated by commas. A song made with <c>yue2</c> has a score
/// unless its plan is off: the score in the request, otherwise <c>FAKE_SCORE</c>. A song with the seed <c>FAKE_FAILING_SEED</c> fails, and
/// one with the seed <c>FAKE_HOLDING_SEED</c> pauses halfway until it is cancelled or the service stops.</remarks>
internal sealed partial class TimedEngine : ISongEngine, IDisposable
{
    private const int Pieces = 10;
    private const string ScoreModel = "yue2";

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _hurry = new();
    private readonly double _seconds = double.Parse(Variable("FAKE_SECONDS", "0.2"), CultureInfo.InvariantCulture);
    private readonly int _slots = int.Parse(Variable("FAKE_SLOTS", "1"), CultureInfo.InvariantCulture);
    private readonly string[] _models = Variable("FAKE_MODELS", "en-cot").Split(',');
    private readonly SimulatedSound _sound = new(double.Parse(Variable("FAKE_LENGTH", "1"), CultureInfo.InvariantCulture));
    private readonly string _failingSeed = Variable("FAKE_FAILING_SEED", "");
    private readonly string _holdingSeed = Variable("FAKE_HOLDING_SEED", "");
    private readonly string _score = Variable("FAKE_SCORE", "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|");
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EngineState _state = EngineState.Loading;
    private int _running;

    public EngineStatus Status
    {
        get
        {
            lock (_lock)
            {
                return new()
                {
                    State = _state,
                    Device = "fake",
                    SongModels = [.. _models.Select(Describe)],
                    SongsAtOnce = _slots,
                    Running = _running,
                };
            }
        }
    }

    public Task<string> Lost { get; } = new TaskCompletionSource<string>().Task;

    public void Start() => Change(() => _state = EngineState.Ready);

    public async Task WhenRoomAsync(CancellationToken cancel)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_state == EngineState.Draining)
                {
                    throw new SongException("the service is shutting down");
                }

                if (_state == EngineState.Ready && _running < _slots)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancel);
        }
    }

    public SongMeasure? Measure(SongRequest request) => null;

    public double? WorkOf(SongRequest request) => null;

    public Task<bool> SetLoadedAsync(string model, bool isLoaded, CancellationToken cancel) => Task.FromResult(true);

    public bool TryAdmit(SongTicket ticket)
    {
        lock (_lock)
        {
            if (_state != EngineState.Ready || _running >= _slots)
            {
                return false;
            }

            _running++;
        }

        _ = SingAsync(ticket);
        return true;
    }

    public async Task DrainAsync(CancellationToken hurry)
    {
        Change(() => _state = EngineState.Draining);
        await using var cancel = hurry.Register(_hurry.Cancel);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_running == 0)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed;
        }
    }

    public void Dispose() => _hurry.Dispose();

    private async Task SingAsync(SongTicket ticket)
    {
        var request = ticket.Request;
        var seconds = SecondsIn().Match(request.Lyrics) is { Success: true } named
            ? double.Parse(named.Groups[1].Value, CultureInfo.InvariantCulture)
            : _seconds;
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ticket.Cancel, _hurry.Token);
            var seed = request.Seed.ToString(CultureInfo.InvariantCulture);
            for (var i = 0; i < Pieces; i++)
            {
                ticket.Report(ScoreOf(request) is { } score ? ScoreProgress(i, score) : Progress(request, i));
                var holds = i == Pieces / 2 && seed == _holdingSeed;
                await Task.Delay(holds ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds / Pieces), stop.Token);
                ticket.Listener?.Hear(_sound.Piece(i, Pieces, request.Output.Stems));
            }

            if (seed == _failingSeed)
            {
                throw new SongException("songs with this seed fail");
            }

            ticket.Succeed(Song(request, seconds, ticket.Waited.TotalSeconds));
        }
        catch (OperationCanceledException) when (ticket.Cancel.IsCancellationRequested)
        {
            ticket.SetCancelled();
        }
        catch (OperationCanceledException)
        {
            ticket.Fail(new SongException("the service is shutting down"));
        }
        catch (SongException e)
        {
            ticket.Fail(e);
        }
        finally
        {
            Change(() => _running--);
        }
    }

    private static ModelDescription Describe(string model) => new(model, ModelFamilies.Descriptions[model == ScoreModel ? 1 : 0]);

    /// <summary>Returns the score of a song; null if the model writes none or none was requested.</summary>
    private string? ScoreOf(SongRequest request) =>
        (request.Model ?? _models[0]) != ScoreModel || request.Plan == ScorePlan.Off ? null : request.Score ?? _score;

    private SongProgress Progress(SongRequest request, int piece)
    {
        var tags = TagsOf(request);
        var isWriting = piece < Pieces / 2;
        var section = isWriting ? 1 + (piece * tags.Count / (Pieces / 2)) : tags.Count;
        var length = _sound.Seconds / tags.Count;
        return new(
            isWriting ? SongStage.Stage1 : SongStage.Stage2, isWriting ? section : 0, tags.Count, piece, Pieces, piece / (double)Pieces)
        {
            Starts = [.. tags.Take(section).Select((tag, index) => new SectionPlace(tag, index * length))],
        };
    }

    private static SongProgress ScoreProgress(int piece, string score) =>
        new(piece < 1 ? SongStage.Score : piece < 5 ? SongStage.Music : SongStage.Flow, 0, 0, piece, Pieces, piece / (double)Pieces)
        {
            Score = piece < 1 ? null : score,
        };

    private SongResult Song(SongRequest request, double seconds, double waited) => new()
    {
        Mix = request.Scope == SongScope.Score ? new([], SimulatedSound.RateHz) : _sound.Whole(Track.Mix),
        Vocal = request.Output.Stems ? _sound.Whole(Track.Vocal) : null,
        Instrumental = request.Output.Stems ? _sound.Whole(Track.Instrumental) : null,
        Score = ScoreOf(request),
        Model = request.Model ?? _models[0],
        Seed = request.Seed,
        Scope = request.Scope,
        Codes = new(
            request.Model ?? _models[0],
            ScoreOf(request) is null
                ? [.. TagsOf(request).Select(tag => new SectionCodes(tag, [1, 2, 3], [1021, 1022, 1023], SectionEnd.EndOfAudio))]
                : []),
        Sections = ScoreOf(request) is null
            ? [.. TagsOf(request).Select(tag => new SectionResult(tag, _sound.Seconds / TagsOf(request).Count, 6, SectionEnd.EndOfAudio))]
            : [],
        Timings = new()
        {
            QueueSeconds = waited,
            Stage1Seconds = seconds / 2,
            Stage2Seconds = seconds / 2,
            DecodeSeconds = 0,
            TotalSeconds = waited + seconds,
            TokensPerSecond = 1,
            RealTimeFactor = seconds,
        },
        Warnings = [],
    };

    /// <summary>Returns the tags of the lyrics' sections.</summary>
    private static List<string> TagsOf(SongRequest request) =>
        Tag().Matches(request.Lyrics) is { Count: > 0 } tags ? [.. tags.Select(tag => tag.Groups[1].Value)] : ["verse"];

    private void Change(Action change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            change();
            (changed, _changed) = (_changed, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.SetResult();
    }

    private static string Variable(string name, string fallback) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : fallback;

    [GeneratedRegex(@"seconds=(\d+(\.\d+)?)")]
    private static partial Regex SecondsIn();

    [GeneratedRegex(@"^\[([^\]\n]+)\]", RegexOptions.Multiline)]
    private static partial Regex Tag();
}
