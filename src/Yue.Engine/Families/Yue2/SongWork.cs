using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Residency;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2;

/// <summary>A YuE 2 song being made: the score, the music tokens, flow matching, then decoding to sound.</summary>
internal sealed class SongWork : ISongWork
{
    private readonly SongRequest _request;
    private readonly Action<SongProgress> _report;
    private readonly ISongListener? _listener;
    private readonly Yue2Songs _models;
    private readonly List<string> _warnings = [];
    private readonly StageClock _clock;
    private readonly SongEffort _effort;
    private readonly SongScript _script;
    private ModelLease<Yue2Model>? _model;
    private StageOrder? _order;                 // the order of the current stage
    private IStageSequence? _sequence;          // set while a stage is open; null while it is waiting for room in the decoder
    private int _scoreTokens;                   // the number of tokens of the written score
    private MusicScript? _music;                // set once the score is complete
    private string? _score;
    private int[] _tokens = [];                 // the tokens of the written music
    private FlowSong? _flow;
    private Tensor? _noise;
    private Tensor? _latents;
    private IEnumerator<Tensor>? _tiles;
    private TileSound? _sound;
    private bool _isCut;
    private Task<SongResult>? _assembling;

    /// <summary>Creates the work for a song without starting it.</summary>
    /// <param name="order">The song to make.</param>
    /// <param name="models">The models to make it with.</param>
    public SongWork(SongOrder order, Yue2Songs models)
    {
        (_request, _report, _listener, _models) = (order.Request, order.Report, order.Listener, models);
        _clock = new StageClock(order.Waited);
        _script = models.ScriptOf(_request);
        _effort = SongEffort.Of(_request, _script, models.OnGpu);
    }

    public SongStage Stage { get; private set; }

    public bool IsWaiting => _model is null && Stage == SongStage.Queued;

    public SongResult? Result { get; private set; }

    public Task? Background => _assembling;

    /// <summary>The decoder's step while the song is writing. Reading a prompt is not shared.</summary>
    public IReadOnlyList<ISharedStep> SharedSteps =>
        _sequence is { Unread: 0, IsComplete: false, IsTruncated: false } ? [new StageStep(_model!.Model.Decoder)] : [];

    /// <summary>The song's slot in the stage decoder.</summary>
    public IStageSequence Sequence => _sequence!;

    /// <summary>The format of the sound.</summary>
    private PcmFormat Sound => new(_models.Vae.Config.SampleRateHz, _models.Vae.Config.SoundChannels);

    private int FlowSteps => _request.Sampling.FlowSteps ?? FlowSolver.DefaultSteps;

    /// <summary>Checks that the prompt fits, and begins if there is room for the checkpoint.</summary>
    public void Begin()
    {
        if (_request.Score is { } given && ScoreText.WarningOf(given) is { } warning)
        {
            _warnings.Add(warning);
        }

        // A prompt that does not fit is rejected before the song waits for its model.
        _ = _script.WritesScore ? _script.Score() : _script.Music(written: null).Order;
        TryBegin();
    }

    public void Advance()
    {
        if (_assembling is not null)
        {
            Result = _assembling.IsCompleted ? _assembling.GetAwaiter().GetResult() : null;
            return;
        }

        switch (Stage)
        {
            case SongStage.Queued:
                TryBegin();
                return;
            case SongStage.Score or SongStage.Music:
                AdvanceStage();
                break;
            case SongStage.Flow:
                AdvanceFlow(_flow!);
                break;
            default:
                Decode();
                break;
        }

        Report();
    }

    public void Dispose()
    {
        _sound?.Stop();
        _tiles?.Dispose();
        _latents?.Dispose();
        _flow?.Dispose();
        _noise?.Dispose();
        _sequence?.Dispose();
        _model?.Dispose();
    }

    private void TryBegin()
    {
        if ((_model = _models.TryTake(_request.Model)) is null)
        {
            return;
        }

        if (_script.WritesScore)
        {
            Stage = SongStage.Score;
            Open(_script.Score());
        }
        else
        {
            BeginMusic(written: null);
        }

        Report();
    }

    private void Open(StageOrder order) => (_order, _sequence) = (order, _model!.Model.Decoder.TryOpen(order));

    /// <summary>Opens the stage if it is waiting for room, reads a piece of the prompt, or ends the stage if the decoder has finished
    /// it.</summary>
    private void AdvanceStage()
    {
        if (_sequence is not { } sequence)
        {
            Open(_order!);
        }
        else if (sequence.Unread > 0)
        {
            sequence.Read();
        }
        else if (sequence is { IsComplete: false, IsTruncated: false })
        {
            return;
        }
        else if (Stage == SongStage.Score)
        {
            EndScore(sequence);
        }
        else
        {
            EndMusic(sequence);
        }
    }

    private void EndScore(IStageSequence sequence)
    {
        _scoreTokens = sequence.Tokens.Count;
        if (sequence.IsTruncated)
        {
            _warnings.Add(string.Create(
                CultureInfo.InvariantCulture, $"the score was cut at its limit of {_scoreTokens} tokens, and is used as it is"));
        }

        int[] written = [.. sequence.Tokens];
        sequence.Dispose();
        _sequence = null;
        BeginMusic(written);
    }

    /// <summary>Begins the music, or finishes the song if only a score was requested.</summary>
    private void BeginMusic(IReadOnlyList<int>? written)
    {
        _music = _script.Music(written);
        _score = _music.Score;
        if (_music.Warning is { } warning)
        {
            _warnings.Add(warning);
        }

        Stage = SongStage.Music;
        if (_request.Scope != SongScope.Score)
        {
            Open(_music.Order);
            return;
        }

        _clock.EndStage1(_scoreTokens);
        _clock.EndStage2();
        _assembling = Task.FromResult(Assembled(new AudioClip([], Sound.SampleRateHz, Sound.Channels)));
    }

    private void EndMusic(IStageSequence sequence)
    {
        _tokens = [.. sequence.Tokens];
        _isCut = sequence.IsTruncated;
        _clock.EndStage1(_scoreTokens + _tokens.Length);
        var flow = _model!.Model.Flow;
        var order = _music!.Order;
        using var noGrad = no_grad();
        using (var noise = tensor(FlowNoise.Draw(_request.Seed, _tokens.Length * flow.LatentSize)))
        {
            using var rows = noise.view(_tokens.Length, flow.LatentSize);
            _noise = rows.to(flow.Device, copy: true);
        }

        // From here on, the flow owns the sequence.
        _flow = new FlowSong(flow, order.Prompt, _tokens, _noise, _model.Model.Decoder.ContextLength, FlowSteps, sequence);
        _sequence = null;
        Stage = SongStage.Flow;
    }

    private void AdvanceFlow(FlowSong flow)
    {
        flow.Advance();
        if (!flow.IsDone)
        {
            return;
        }

        _clock.EndStage2();
        _latents = flow.Latents();
        flow.Dispose();
        _model!.Dispose();
        var samples = (int)_models.Vae.SampleCount(_tokens.Length);
        var fade = _isCut ? FadeOut.SamplesOf(samples, Sound.SampleRateHz, _request.Output.FadeOutSeconds) : 0;
        if (_isCut)
        {
            _warnings.Add(CutWarning(fade / (double)Sound.SampleRateHz));
        }

        _sound = new TileSound(_listener, Sound, samples, fade);
        _tiles = VaeTiles.Decode(_models.Vae, _latents).GetEnumerator();
        Stage = SongStage.Decode;
    }

    private static string CutWarning(double fadeSeconds) => fadeSeconds == 0
        ? "the song was cut at its limit: its end is abrupt, because output.fade_out_seconds is 0"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"the song was cut at its limit: the last {fadeSeconds:0.##} s are faded out (output.fade_out_seconds)");

    /// <summary>Decodes a tile. After the last one, assembles the song.</summary>
    private void Decode()
    {
        _sound!.ThrowIfFaulted();
        if (_tiles!.MoveNext())
        {
            using var tile = _tiles.Current;
            _sound.Add(tile);
            return;
        }

        _assembling = AssembleAsync(_sound);
    }

    private async Task<SongResult> AssembleAsync(TileSound sound)
    {
        var (mix, clipped) = await sound.CompleteAsync().ConfigureAwait(false);
        if (clipped > 0)
        {
            _warnings.Add(string.Create(
                CultureInfo.InvariantCulture, $"output clipped: {clipped} of {mix.Samples.Length} samples exceeded full scale"));
        }

        return Assembled(mix);
    }

    private SongResult Assembled(AudioClip mix)
    {
        var model = _request.Model ?? _models.Names[0];
        return new()
        {
            Mix = mix,
            Model = model,
            Seed = _request.Seed,
            Scope = _request.Scope,
            Score = _score,
            Sections = [],
            Codes = new SongCodes(model, []),
            Warnings = _warnings,
            Timings = _clock.Timings(mix.DurationSeconds),
        };
    }

    /// <summary>Reports the current stage and the progress of the whole song.</summary>
    private void Report()
    {
        var written = Stage is SongStage.Score or SongStage.Music ? _sequence?.Tokens.Count ?? 0 : 0;
        var score = Stage == SongStage.Score ? written : _scoreTokens;
        var music = Stage == SongStage.Music ? written : _tokens.Length;
        var flowShare = _flow is null ? 0 : _flow.Evaluations / (double)_flow.AllEvaluations;
        var decodeShare = _sound?.Share ?? 0;
        var (done, total) = Stage switch
        {
            SongStage.Score or SongStage.Music => ((double)written, Limit),
            SongStage.Flow => (flowShare * music, music),
            _ => (decodeShare * music, music),
        };
        var fraction = _effort.Fraction(score, Stage > SongStage.Score, music, Stage > SongStage.Music, flowShare, decodeShare);
        _report(new SongProgress(Stage, 0, 0, (long)Math.Round(done), total, fraction) { Score = _score });
    }

    /// <summary>The maximum number of tokens of the current stage. For a score, this is the general limit, even if the prompt leaves room
    /// for fewer tokens.</summary>
    private int Limit => Stage == SongStage.Music ? _music!.Order.Sampling.MaxTokens : StageSampling.Score.MaxTokens;
}
