using System.Diagnostics;
using Yue.Engine.Codec;
using Yue.Engine.Stage1;
using Yue.Engine.Stage2;
using Yue.Engine.Text;
using Yue.Engine.Tokens;
using static TorchSharp.torch;

namespace Yue.Engine;

/// <summary>A song being made: what it holds in each stage, and how it gets from one to the next.</summary>
internal sealed class Song : IDisposable
{
    /// <summary>Shares of the progress bar, near the stages' shares of the time.</summary>
    private const double Stage1Share = 0.55, Stage2Share = 0.4;

    private readonly ModelSet _models;
    private readonly CancellationTokenSource _cancel;
    private readonly List<string> _warnings = [];
    private readonly TimeSpan _queued;
    private readonly long _started = Stopwatch.GetTimestamp();
    private IReadOnlyList<LyricSection> _sections = [];
    private IReadOnlyList<TrackCodes> _codes = [];
    private Stage1Song? _stage1;
    private Stage2Song? _stage2;
    private ReferenceResult? _reference;
    private Decoding? _decoding;
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
    }

    public SongJob Job { get; }

    /// <summary>The checkpoint that sings; known once the song has begun.</summary>
    public Stage1Model Model { get; private set; } = null!;

    public SongStage Stage { get; private set; } = SongStage.Queued;

    public bool IsCancelled => _cancel.IsCancellationRequested;

    /// <summary>The finished song; null until then.</summary>
    public SongResult? Result { get; private set; }

    /// <summary>The song's place in the stage-1 decoder, while it is in stage 1.</summary>
    public IStage1Sequence Stage1Sequence => _stage1!.Sequence;

    public double ElapsedSeconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Finds the checkpoint, reads the lyrics and begins stage 1.</summary>
    public void Begin()
    {
        Model = _models.Stage1Named(Job.Request.Model);
        var lyrics = LyricsParser.Parse(Job.Request.Lyrics);
        var sung = lyrics.Take(Job.Request.RunNSegments);
        if (sung.Sections.Count == 0)
        {
            throw new SongRequestException("lyrics: there are no words to sing");
        }

        var prompt = Model.Prompts.Build(Job.Request.Genre, lyrics.Sections, Listen());
        _warnings.AddRange([.. lyrics.Warnings, .. prompt.Warnings]);
        if (sung.Warning is not null)
        {
            _warnings.Add(sung.Warning);
        }

        _sections = sung.Sections;
        var sequence = Model.Decoder.TryOpen(Job.Request.Seed) ?? throw new InvalidOperationException("the decoder has no room for an admitted song");
        _stage1 = new Stage1Song(prompt, _sections.Count, Job.Request, sequence, Model.Decoder.ContextLength);
        _stage1.Begin();
        Stage = SongStage.Stage1;
    }

    /// <summary>The audio prompt of the request's reference; null without one.</summary>
    private ReferenceClip? Listen()
    {
        if (Job.Request.Reference is not { } reference)
        {
            return null;
        }

        if (Model.IsLyricsOnly)
        {
            _warnings.Add($"reference: {Model.Name} is a cot checkpoint, which is not trained to follow a clip; an icl one is");
        }

        (var clip, _reference) = _models.References.Encode(reference);
        return clip;
    }

    /// <summary>Takes what the last step brought, and works on what only this song needs.</summary>
    public void Advance()
    {
        switch (Stage)
        {
            case SongStage.Stage1:
                AdvanceStage1(_stage1!);
                break;
            case SongStage.Stage2:
                AdvanceStage2(_stage2!);
                break;
            case SongStage.Decode:
                Decode(_stage2!);
                break;
            default:
                throw new InvalidOperationException($"a song cannot advance while it is {Stage}");
        }
    }

    public void Dispose()
    {
        _stage1?.Dispose();
        _stage2?.Dispose();
        _decoding?.Dispose();
        _cancel.Dispose();
    }

    private void AdvanceStage1(Stage1Song stage1)
    {
        stage1.TakeSampled();
        var budget = (long)_sections.Count * Job.Request.MaxNewTokens;
        if (!stage1.IsDone)
        {
            var inSection = (double)stage1.Sequence.Sampled.Count / Job.Request.MaxNewTokens;
            Report(stage1.Section + 1, stage1.Tokens, budget, Stage1Share * (stage1.Section + inSection) / _sections.Count);
            return;
        }

        (_stage1Tokens, _stage1Time) = (stage1.Tokens, Stopwatch.GetElapsedTime(_started));
        _warnings.AddRange(stage1.Warnings);
        _codes = [.. stage1.Sung.Select(ids => Tracks.Split(ids.AsSpan(ids[^1] == TokenMap.EndOfAudio ? ..^1 : ..)))];
        stage1.Dispose();
        _stage2 = new Stage2Song(
            _models.Stage2, [.. _codes.SelectMany(codes => codes.Vocal)], [.. _codes.SelectMany(codes => codes.Instrumental)]);
        Stage = SongStage.Stage2;
        Report(0, 0, _stage2.FramesTotal, Stage1Share);
    }

    private void AdvanceStage2(Stage2Song stage2)
    {
        if (!stage2.Advance())
        {
            _stage2Time = Stopwatch.GetElapsedTime(_started) - _stage1Time;
            Stage = SongStage.Decode;
        }

        Report(0, stage2.FramesDone, stage2.FramesTotal, Stage1Share + (Stage2Share * stage2.FramesDone / stage2.FramesTotal));
    }

    /// <summary>A chunk a step, so that the other songs go on meanwhile.</summary>
    private void Decode(Stage2Song stage2)
    {
        const double DecodeShare = 1 - Stage1Share - Stage2Share;
        _decoding ??= new Decoding(_models.Sound, stage2, SongDecoder.PartsOf(Job.Request.Output));
        var step = _decoding.Advance();
        Report(0, step.Done, step.Total, 1 - DecodeShare + (DecodeShare * step.Done / step.Total));
        if (step.Song is not null)
        {
            Result = Finish(step.Song);
        }
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

        var total = Stopwatch.GetElapsedTime(_started);
        return new SongResult
        {
            Mix = mix.Clip,
            Vocal = tracks?.Vocal.Clip,
            Instrumental = tracks?.Instrumental.Clip,
            Model = Model.Name,
            Seed = Job.Request.Seed,
            Sections = [.. _sections.Select((section, i) => SectionResult(section, i))],
            Warnings = _warnings,
            Reference = _reference,
            Timings = new SongTimings
            {
                QueueSeconds = _queued.TotalSeconds,
                Stage1Seconds = _stage1Time.TotalSeconds,
                Stage2Seconds = _stage2Time.TotalSeconds,
                DecodeSeconds = (total - _stage1Time - _stage2Time).TotalSeconds,
                TotalSeconds = (_queued + total).TotalSeconds,
                TokensPerSecond = _stage1Tokens / _stage1Time.TotalSeconds,
                RealTimeFactor = (_queued + total).TotalSeconds / mix.Clip.DurationSeconds,
            },
        };
    }

    private SectionResult SectionResult(LyricSection section, int i)
    {
        var ids = _stage1!.Sung[i];
        return new SectionResult(
            section.Tag,
            _codes[i].Frames / (double)_models.FrameRateHz,
            ids.Length,
            ids[^1] == TokenMap.EndOfAudio ? SectionEnd.EndOfAudio : SectionEnd.MaxNewTokens);
    }

    private void Report(int section, long done, long total, double fraction) =>
        Job.Report(new SongProgress(Stage, section, _sections.Count, done, total, fraction));

    /// <summary>The last stage: the codes on their way to sound.</summary>
    private sealed class Decoding : IDisposable
    {
        private readonly Tensor _vocal;
        private readonly Tensor _instrumental;
        private readonly IEnumerator<DecodeStep> _steps;

        public Decoding(SongDecoder decoder, Stage2Song stage2, SongParts parts)
        {
            (_vocal, _instrumental) = (CodesTensor(stage2.VocalCodes), CodesTensor(stage2.InstrumentalCodes));
            _steps = decoder.Steps(_vocal, _instrumental, parts).GetEnumerator();
        }

        public DecodeStep Advance() => _steps.MoveNext() ? _steps.Current : throw new InvalidOperationException("the song is decoded");

        public void Dispose()
        {
            _steps.Dispose();
            _vocal.Dispose();
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
