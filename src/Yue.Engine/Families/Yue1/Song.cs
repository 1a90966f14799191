using System.Diagnostics;
using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1;

/// <summary>A song being made: what it holds in each stage, and how it gets from one to the next.</summary>
internal sealed class Song : IDisposable
{
    private readonly ModelSet _models;
    private readonly CancellationTokenSource _cancel;
    private readonly List<string> _warnings = [];
    private readonly TimeSpan _queued;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly StageShares _shares;
    private SongPlan _plan = new() { Before = [] };
    private SongCodes? _codes;          // once stage 1 is over
    private ModelLease<Stage1Model>? _stage1Model;
    private ModelLease<Stage2Model>? _stage2Model;
    private Stage1Song? _stage1;
    private Stage2Song? _stage2;
    private ReferenceEncoding? _listening;      // until the clip is encoded
    private ReferenceResult? _reference;
    private Decoding? _decoding;
    private Task<SongResult>? _finishing;
    private int _stage1Tokens;
    private TimeSpan _stage1Time;
    private TimeSpan _stage2Time;

    /// <summary>A song of an admitted job.</summary>
    /// <param name="job">What to make.</param>
    /// <param name="models">What to make it with.</param>
    /// <param name="abandon">Cancels every song.</param>
    public Song(SongJob job, ModelSet models, CancellationToken abandon)
    {
        (Job, _models, _queued) = (job, models, job.Age);
        _cancel = CancellationTokenSource.CreateLinkedTokenSource(job.Cancel, abandon);
        _shares = StageShares.Of(job.Request.Scope);
    }

    public SongJob Job { get; }

    public SongStage Stage { get; private set; } = SongStage.Queued;

    public bool IsCancelled => _cancel.IsCancellationRequested;

    /// <summary>The finished song; null until then.</summary>
    public SongResult? Result { get; private set; }

    /// <summary>The decoder that the song takes part in a step of while it sings; null before and after, and while a prompt is read.</summary>
    public IStage1Decoder? Stage1Decoder =>
        Stage == SongStage.Stage1 && _stage1 is { Sequence.Unread: 0 } ? _stage1Model!.Model.Decoder : null;

    /// <summary>The song's place in the stage-1 decoder.</summary>
    public IStage1Sequence Stage1Sequence => _stage1!.Sequence;

    /// <summary>What the song takes part in a step of while its residual codebooks are written; null before and after.</summary>
    public IStage2Decoder? Stage2Decoder => Stage == SongStage.Stage2 ? _stage2Model?.Model.Decoder : null;

    /// <summary>Whether it waits for room for a model.</summary>
    public bool IsWaiting => Stage == SongStage.Queued || (Stage == SongStage.Stage2 && _stage2 is null);

    /// <summary>The work on the decoded tracks, which needs neither the device nor the engine's thread; null before.</summary>
    public Task? Finishing => _finishing;

    public double ElapsedSeconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Reads the lyrics and begins stage 1 where there is room for its checkpoint; goes on to stage 2 where the codes are given.</summary>
    public void Begin()
    {
        _plan = SongPlan.For(Job.Request);
        _warnings.AddRange(_plan.Warnings);
        if (Job.Request is { Instrumental: true, Output.Stems: true })
        {
            _warnings.Add("output.stems was ignored: an instrumental song is its one track");
        }

        if (Job.Request.Scope == SongScope.Finish)
        {
            EndStage1(Job.Request.ContinueFrom ?? throw new SongRequestException("continue_from: there are no codes to finish"));
            return;
        }

        if (_plan.Sung.Count == 0)
        {
            throw new SongRequestException("lyrics: there are no words to sing");
        }

        TryBeginStage1();
    }

    /// <summary>Takes what the last step brought, and works on what only this song needs.</summary>
    public void Advance()
    {
        switch (Stage)
        {
            case SongStage.Queued:
                TryBeginStage1();
                break;
            case SongStage.Stage1 when _stage1 is null:
                Listen(_listening!);
                break;
            case SongStage.Stage1:
                AdvanceStage1(_stage1);
                break;
            case SongStage.Stage2 when _stage2 is null:
                TryBeginStage2();
                break;
            case SongStage.Stage2:
                AdvanceStage2(_stage2);
                break;
            case SongStage.Decode:
                Decode();
                break;
            default:
                throw new InvalidOperationException($"a song cannot advance while it is {Stage}");
        }
    }

    public void Dispose()
    {
        _stage1?.Dispose();
        _stage1Model?.Dispose();
        _stage2?.Dispose();
        _stage2Model?.Dispose();
        _decoding?.Dispose();
        _cancel.Dispose();
    }

    private SectionBudget[] Budgets() => Job.Request.TargetSeconds is { } targets
        ? [.. targets.Select(SectionBudget.OfSeconds)]
        : [.. Enumerable.Repeat(SectionBudget.UpTo(Job.Request.MaxNewTokens), _plan.Sung.Count)];

    private void TryBeginStage1()
    {
        if ((_stage1Model = _models.TryTakeStage1(Job.Request.Model)) is null)
        {
            return;
        }

        Stage = SongStage.Stage1;
        var model = _stage1Model.Model;
        if (Job.Request.Reference is not { } reference)
        {
            BeginSinging(model, null);
        }
        else
        {
            if (model.IsLyricsOnly)
            {
                _warnings.Add($"reference: {model.Name} is a cot checkpoint, which is not trained to follow a clip; an icl one is");
            }

            _listening = _models.References.Begin(reference);
        }

        Report(1, 0, Budgets().Sum(budget => (long)budget.MaxTokens), 0);
    }

    /// <summary>Encodes a track of the reference per step, and begins to sing after the last one.</summary>
    private void Listen(ReferenceEncoding listening)
    {
        if (!listening.IsDone)
        {
            listening.Advance();
            return;
        }

        (var clip, _reference) = listening.Result();
        BeginSinging(_stage1Model!.Model, clip);
    }

    private void BeginSinging(Stage1Model model, ReferenceClip? clip)
    {
        var prompt = model.Prompts.Build(Job.Request.Genre, _plan.Lyrics, clip);
        _warnings.AddRange(prompt.Warnings);
        var sequence = model.Decoder.TryOpen(Job.Request.Seed) ?? throw new InvalidOperationException("the decoder has no room for an admitted song");
        _stage1 = new Stage1Song(
            prompt, [.. _plan.Before.Select(section => section.ToIds())], Budgets(), Job.Request.Sampling, sequence, model.Decoder.ContextLength);
        _stage1.Begin();
    }

    /// <summary>Takes what the decoder sampled, and reads a piece of the prompt where a section begins.</summary>
    private void AdvanceStage1(Stage1Song stage1)
    {
        stage1.TakeSampled();
        if (!stage1.IsDone)
        {
            stage1.Read();
            Report(stage1.Done + 1, stage1.Tokens, stage1.TokenLimit, _shares.Stage1 * stage1.Fraction);
            return;
        }

        (_stage1Tokens, _stage1Time) = (stage1.Tokens, Stopwatch.GetElapsedTime(_started));
        _warnings.AddRange(stage1.Warnings);
        SectionCodes[] sung = [.. stage1.Sung.Select((ids, i) => SectionIds.ToSection(_plan.Sung[i].Tag, ids))];
        _warnings.AddRange(sung.SelectMany(
            (section, i) => SectionFindings.Of(_plan.Before.Count + i + 1, section, Job.Request.TargetSeconds?[i])));
        stage1.Dispose();
        _stage1Model!.Dispose();
        EndStage1(new SongCodes(_stage1Model.Model.Name, [.. _plan.Before, .. sung, .. _plan.After]));
    }

    /// <summary>Goes on from what stage 1 wrote: to stage 2, or straight to the decode of a draft.</summary>
    private void EndStage1(SongCodes codes)
    {
        _codes = codes;
        if (Job.Request.Scope == SongScope.Draft)
        {
            Stage = SongStage.Decode;
            Report(0, 0, codes.Frames, _shares.Stage1);
            return;
        }

        Stage = SongStage.Stage2;
        TryBeginStage2();
    }

    private void TryBeginStage2()
    {
        if ((_stage2Model = _models.TryTakeStage2()) is null)
        {
            return;
        }

        _stage2 = new Stage2Song(_stage2Model.Model.Decoder, Job.Request.Instrumental ? [] : Vocal(_codes!), Instrumental(_codes!));
        Report(0, 0, _stage2.FramesTotal, _shares.Stage1);
    }

    private void AdvanceStage2(Stage2Song stage2)
    {
        if (!stage2.Advance())
        {
            _stage2Time = Stopwatch.GetElapsedTime(_started) - _stage1Time;
            _stage2Model!.Dispose();
            Stage = SongStage.Decode;
        }

        Report(0, stage2.FramesDone, stage2.FramesTotal, _shares.Stage1 + (_shares.Stage2 * stage2.FramesDone / stage2.FramesTotal));
    }

    /// <summary>A chunk a step, so that the other songs go on meanwhile.</summary>
    private void Decode()
    {
        if (_finishing is not null)
        {
            Result = _finishing.IsCompleted ? _finishing.GetAwaiter().GetResult() : null;
            return;
        }

        _decoding ??= BeginDecode();
        var step = _decoding.Advance();
        var before = _shares.Stage1 + _shares.Stage2;
        Report(0, step.Done, step.Total, before + ((1 - before) * step.Done / step.Total));
        if (step.Assemble is { } assemble)
        {
            _finishing = Task.Run(() => Finish(assemble()));
        }
    }

    /// <summary>From every codebook, or codebook 0 alone for a draft.</summary>
    private Decoding BeginDecode()
    {
        var output = Job.Request.Output;
        var vocal = Job.Request.Instrumental ? null : _stage2?.VocalCodes ?? [Vocal(_codes!)];
        var parts = SongDecoder.PartsOf(output with { Stems = output.Stems && vocal is not null });
        return new Decoding(_models.Sound, vocal, _stage2?.InstrumentalCodes ?? [Instrumental(_codes!)], parts);
    }

    private SongResult Finish(DecodedSong sound)
    {
        var mix = (sound.Spliced ?? sound.CodecMix)!;
        var tracks = sound.VocoderTracks ?? sound.CodecTracks;
        // A loudness that was asked for leaves room above the peaks.
        if (mix.ClippedSamples > 0 && Job.Request.Output.LoudnessLufs is null)
        {
            _warnings.Add($"output clipped: {mix.ClippedSamples} of {mix.Clip.Samples.Length} samples were past full scale");
        }

        FadeOutCutEnd([mix, .. tracks is null ? [] : new[] { tracks.Vocal, tracks.Instrumental }]);
        var total = Stopwatch.GetElapsedTime(_started);
        return new SongResult
        {
            Mix = mix.Clip,
            Vocal = tracks?.Vocal.Clip,
            Instrumental = tracks?.Instrumental.Clip,
            Model = _codes!.Model,
            Seed = Job.Request.Seed,
            Scope = Job.Request.Scope,
            Sections = [.. _codes.Sections.Select(SectionResult)],
            Codes = _codes,
            Warnings = _warnings,
            Reference = _reference,
            Timings = new SongTimings
            {
                QueueSeconds = _queued.TotalSeconds,
                Stage1Seconds = _stage1Time.TotalSeconds,
                Stage2Seconds = _stage2Time.TotalSeconds,
                DecodeSeconds = (total - _stage1Time - _stage2Time).TotalSeconds,
                TotalSeconds = (_queued + total).TotalSeconds,
                TokensPerSecond = _stage1Tokens == 0 ? 0 : _stage1Tokens / _stage1Time.TotalSeconds,
                RealTimeFactor = (_queued + total).TotalSeconds / mix.Clip.DurationSeconds,
            },
        };
    }

    private void FadeOutCutEnd(IReadOnlyList<SongPart> parts)
    {
        var seconds = FadeOut.SecondsOf(parts[0].Clip, Job.Request.Output.FadeOutSeconds);
        if (seconds == 0 || _codes!.Sections[^1].Ended == SectionEnd.EndOfAudio)
        {
            return;
        }

        foreach (var part in parts)
        {
            FadeOut.Apply(part.Clip, seconds);
        }

        _warnings.Add(string.Create(
            CultureInfo.InvariantCulture, $"the last section was cut at its limit: the last {seconds:0.##} s are faded out (output.fade_out_seconds)"));
    }

    private SectionResult SectionResult(SectionCodes section, int i) => new(
        section.Tag,
        section.Frames / (double)_models.FrameRateHz,
        section.ToIds().Length,
        section.Ended,
        Kept: i < _plan.Before.Count || i >= _plan.Before.Count + _plan.Sung.Count);

    private void Report(int section, long done, long total, double fraction) =>
        Job.Report(new SongProgress(Stage, section, _plan.Sung.Count, done, total, fraction));

    private static int[] Vocal(SongCodes codes) => [.. codes.Sections.SelectMany(section => section.Vocal)];

    private static int[] Instrumental(SongCodes codes) => [.. codes.Sections.SelectMany(section => section.Instrumental)];

    /// <summary>Shares of the progress bar, near the stages' shares of the time; the rest is the decode.</summary>
    private readonly record struct StageShares(double Stage1, double Stage2)
    {
        public static StageShares Of(SongScope scope) => scope switch
        {
            SongScope.Draft => new(0.95, 0),
            SongScope.Finish => new(0, 0.9),
            _ => new(0.55, 0.4),
        };
    }

    /// <summary>The last stage: the codes on their way to sound.</summary>
    private sealed class Decoding : IDisposable
    {
        private readonly Tensor? _vocal;
        private readonly Tensor _instrumental;
        private readonly IEnumerator<DecodeStep> _steps;

        public Decoding(SongDecoder decoder, int[][]? vocal, int[][] instrumental, SongParts parts)
        {
            (_vocal, _instrumental) = (vocal is null ? null : CodesTensor(vocal), CodesTensor(instrumental));
            _steps = decoder.Steps(_vocal, _instrumental, parts).GetEnumerator();
        }

        public DecodeStep Advance() => _steps.MoveNext() ? _steps.Current : throw new InvalidOperationException("the song is decoded");

        public void Dispose()
        {
            _steps.Dispose();
            _vocal?.Dispose();
            _instrumental.Dispose();
        }

        /// <summary>[Q, F], int64.</summary>
        private static Tensor CodesTensor(int[][] codes)
        {
            var flat = codes.SelectMany(row => row).Select(code => (long)code).ToArray();
            return tensor(flat, [codes.Length, codes[0].Length]);
        }
    }
}
