using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Tests.Fakes;

/// <summary>An engine that a test tells what to do; by default it is ready and sings a short tone at once.</summary>
internal sealed class FakeSongEngine : ISongEngine, IHostedService, IDisposable
{
    public const string ModelName = "en-cot";

    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile EngineStatus _status = new()
    {
        State = EngineState.Ready,
        Device = "cpu",
        SongModels = [new(ModelName, ModelFamilies.Descriptions[0]), new("en-icl", ModelFamilies.Descriptions[0])],
        Models = [new(ModelName, "stage1", "f32", 12, true), new("en-icl", "stage1", "f32", 12, true), new("s2", "stage2", "f32", 3, true)],
        Memory = new(1000, 200, 300),
        QueueDepth = 1,
        Running = 1,
    };

    private int _statusReads;

    public EngineStatus Status
    {
        get
        {
            Interlocked.Increment(ref _statusReads);
            return _status;
        }

        set => _status = value;
    }

    /// <summary>The number of times that the status was read.</summary>
    public int StatusReads => Volatile.Read(ref _statusReads);

    public Task<string> Lost => _lost.Task;

    public TimeSpan EstimatedWait { get; set; }

    public SubmitOutcome Outcome { get; set; } = SubmitOutcome.Accepted;

    /// <summary>Says whether a song is taken; null takes <see cref="Outcome"/> for the answer.</summary>
    public Func<SubmitOutcome>? Admit { get; set; }

    /// <summary>What stopping the engine does.</summary>
    public Func<CancellationToken, Task> Stop { get; set; } = _ => Task.CompletedTask;

    /// <summary>Every song submitted, once <see cref="Sing"/> has begun.</summary>
    public ConcurrentQueue<SongRequest> Requests { get; } = new();

    /// <summary>How a song is made.</summary>
    public Func<SongRequest, IProgress<SongProgress>?, CancellationToken, Task<SongResult>> Sing { get; set; } =
        (request, _, _) => Task.FromResult(Song(request));

    public SubmitOutcome TrySubmit(
        SongRequest request, IProgress<SongProgress>? progress, out Task<SongResult>? song, CancellationToken cancel)
    {
        song = null;
        var outcome = Admit?.Invoke() ?? Outcome;
        if (outcome == SubmitOutcome.Accepted)
        {
            song = Sing(request, progress, cancel);
            Requests.Enqueue(request);
        }

        return outcome;
    }

    /// <summary>Fails as a ready engine does whose device is lost.</summary>
    public void Lose(string reason)
    {
        Status = Status with { State = EngineState.Failed, Failure = reason };
        _lost.SetResult(reason);
    }

    /// <summary>What the host did with the engine, in order.</summary>
    public ConcurrentQueue<string> Life { get; } = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Life.Enqueue("started");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Life.Enqueue("stopped");
        return Stop(cancellationToken);
    }

    public void Dispose() => Life.Enqueue("disposed");

    /// <summary>What stage 1 wrote of every song.</summary>
    public static SongCodes Codes { get; } = new(
        ModelName, [new("verse", [1, 2, 3], [1021, 1022, 1023], SectionEnd.EndOfAudio), new("chorus", [4], [5], SectionEnd.MaxNewTokens, 6)]);

    /// <summary>A tenth of a second of sound for a request.</summary>
    public static SongResult Song(SongRequest request, params string[] warnings)
    {
        var clip = new AudioClip(
            [.. Enumerable.Range(0, request.Output.SampleRate / 10).Select(i => MathF.Sin(i * 0.05f) / 2)], request.Output.SampleRate);
        return new SongResult
        {
            Mix = clip,
            Vocal = request.Output.Stems ? clip with { Samples = clip.Samples[..100] } : null,
            Instrumental = request.Output.Stems ? clip with { Samples = clip.Samples[..200] } : null,
            Model = request.Model ?? ModelName,
            Seed = request.Seed,
            Scope = request.Scope,
            Codes = Codes,
            Sections = [new("verse", 0.06, 6, SectionEnd.EndOfAudio), new("chorus", 0.04, 4, SectionEnd.MaxNewTokens)],
            Timings = new SongTimings
            {
                QueueSeconds = 0.5,
                Stage1Seconds = 1,
                Stage2Seconds = 2,
                DecodeSeconds = 0.25,
                TotalSeconds = 3.75,
                TokensPerSecond = 10,
                RealTimeFactor = double.PositiveInfinity,
            },
            Warnings = warnings,
        };
    }
}
