using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>A YuE 1 song being made: stage 1, stage 2, then the decode. It holds only what its stage needs.</summary>
internal sealed class SongWork : ISongWork
{
    private readonly SongRequest _request;
    private readonly Action<SongProgress> _report;
    private readonly Yue1Songs _models;
    private readonly List<string> _warnings = [];
    private readonly StageClock _clock;
    private readonly StageShares _shares;
    private SongPlan _plan = new() { Before = [] };
    private SongCodes? _codes;                  // once stage 1 is over
    private ModelLease<Stage1Model>? _stage1Model;
    private ModelLease<Stage2Model>? _stage2Model;
    private Stage1Song? _stage1;
    private Stage2Song? _stage2;
    private ReferenceEncoding? _listening;      // until the clip is encoded
    private ReferenceResult? _reference;
    private SongDecoding? _decoding;
    private Task<SongResult>? _assembling;

    /// <summary>Creates the work on a song, which has not begun.</summary>
    /// <param name="order">The song to make.</param>
    /// <param name="models">The models to make it with.</param>
    public SongWork(SongOrder order, Yue1Songs models)
    {
        (_request, _report, _models) = (order.Request, order.Report, models);
        _clock = new StageClock(order.Waited);
        _shares = StageShares.Of(_request.Scope);
    }

    public SongStage Stage { get; private set; } = SongStage.Queued;

    public SongResult? Result { get; private set; }

    /// <summary>A decoder's step while the song sings or its residual codebooks are written. Reading a prompt is not shared.</summary>
    public ISharedStep? SharedStep => Stage switch
    {
        SongStage.Stage1 when _stage1 is { Sequence.Unread: 0 } => new Stage1Step(_stage1Model!.Model.Decoder),
        SongStage.Stage2 when _stage2Model is not null => new Stage2Step(_stage2Model.Model.Decoder),
        _ => null,
    };

    /// <summary>The song's place in the stage-1 decoder.</summary>
    public IStage1Sequence Stage1Sequence => _stage1!.Sequence;

    public bool IsWaiting => Stage == SongStage.Queued || (Stage == SongStage.Stage2 && _stage2 is null);

    public Task? Background => _assembling;

    /// <summary>Reads the lyrics and begins stage 1 if there is room for its checkpoint. If the codes are given, goes on to stage 2.</summary>
    public void Begin()
    {
        _plan = SongPlan.For(_request);
        _warnings.AddRange(_plan.Warnings);
        if (_request is { Instrumental: true, Output.Stems: true })
        {
            _warnings.Add("output.stems was ignored: an instrumental song is its one track");
        }

        if (_request.Scope == SongScope.Finish)
        {
            EndStage1(_request.ContinueFrom ?? throw new SongRequestException("continue_from: there are no codes to finish"));
            return;
        }

        if (_plan.Sung.Count == 0)
        {
            throw new SongRequestException("lyrics: there are no words to sing");
        }

        TryBeginStage1();
    }

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
    }

    private SectionBudget[] Budgets() => _request.TargetSeconds is { } targets
        ? [.. targets.Select(SectionBudget.OfSeconds)]
        : [.. Enumerable.Repeat(SectionBudget.UpTo(_request.MaxNewTokens), _plan.Sung.Count)];

    private void TryBeginStage1()
    {
        if ((_stage1Model = _models.TryTakeStage1(_request.Model)) is null)
        {
            return;
        }

        Stage = SongStage.Stage1;
        var model = _stage1Model.Model;
        if (_request.Reference is not { } reference)
        {
            BeginSinging(model, null);
        }
        else
        {
            if (model.IsLyricsOnly)
            {
                _warnings.Add($"reference: {model.Name} is a cot checkpoint, which is not trained to follow a clip; an icl one is");
            }

            _listening = _models.Sound.References.Begin(reference);
        }

        Report(1, 0, Budgets().Sum(budget => (long)budget.MaxTokens), 0);
    }

    /// <summary>Encodes one track of the reference per step, and begins to sing after the last one.</summary>
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
        var prompt = model.Prompts.Build(_request.Genre, _plan.Lyrics, clip);
        _warnings.AddRange(prompt.Warnings);
        var sequence = model.Decoder.TryOpen(_request.Seed) ?? throw new InvalidOperationException("the decoder has no room for an admitted song");
        _stage1 = new Stage1Song(
            prompt, [.. _plan.Before.Select(section => section.ToIds())], Budgets(), _request.Sampling, sequence, model.Decoder.ContextLength);
        _stage1.Begin();
    }

    /// <summary>Takes what the decoder sampled, and reads a piece of the prompt if a section begins.</summary>
    private void AdvanceStage1(Stage1Song stage1)
    {
        stage1.TakeSampled();
        if (!stage1.IsDone)
        {
            stage1.Read();
            Report(stage1.Done + 1, stage1.Tokens, stage1.TokenLimit, _shares.Stage1 * stage1.Fraction);
            return;
        }

        _clock.EndStage1(stage1.Tokens);
        _warnings.AddRange(stage1.Warnings);
        SectionCodes[] sung = [.. stage1.Sung.Select((ids, i) => SectionIds.ToSection(_plan.Sung[i].Tag, ids))];
        _warnings.AddRange(sung.SelectMany(
            (section, i) => SectionFindings.Of(_plan.Before.Count + i + 1, section, _request.TargetSeconds?[i])));
        stage1.Dispose();
        _stage1Model!.Dispose();
        EndStage1(new SongCodes(_stage1Model.Model.Name, [.. _plan.Before, .. sung, .. _plan.After]));
    }

    /// <summary>Goes on from the codes of stage 1: to stage 2, or with a draft straight to the decode.</summary>
    private void EndStage1(SongCodes codes)
    {
        _codes = codes;
        if (_request.Scope == SongScope.Draft)
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

        _stage2 = new Stage2Song(_stage2Model.Model.Decoder, _request.Instrumental ? [] : Vocal(_codes!), Instrumental(_codes!));
        Report(0, 0, _stage2.FramesTotal, _shares.Stage1);
    }

    private void AdvanceStage2(Stage2Song stage2)
    {
        if (!stage2.Advance())
        {
            _clock.EndStage2();
            _stage2Model!.Dispose();
            Stage = SongStage.Decode;
        }

        Report(0, stage2.FramesDone, stage2.FramesTotal, _shares.Stage1 + (_shares.Stage2 * stage2.FramesDone / stage2.FramesTotal));
    }

    /// <summary>Decodes one window per step. After the last one, another thread mixes and splices while other songs go on.</summary>
    private void Decode()
    {
        if (_assembling is not null)
        {
            Result = _assembling.IsCompleted ? _assembling.GetAwaiter().GetResult() : null;
            return;
        }

        var decoding = _decoding ??= BeginDecode();
        if (decoding.CanAdvance)
        {
            decoding.Advance();
        }

        var (before, total) = (_shares.Stage1 + _shares.Stage2, (long)decoding.Passes * _codes!.Frames);
        Report(0, decoding.FramesDone, total, before + ((1 - before) * decoding.FramesDone / total));
        if (decoding.IsDone)
        {
            var assembly = Assembly();
            _assembling = Task.Run(() => assembly.Assemble(decoding.Assemble()));
        }
    }

    /// <summary>Begins to decode every codebook, or codebook 0 alone for a draft.</summary>
    private SongDecoding BeginDecode()
    {
        var output = _request.Output;
        var vocal = _request.Instrumental ? null : _stage2?.VocalCodes ?? [Vocal(_codes!)];
        var parts = SongDecoder.PartsOf(output with { Stems = output.Stems && vocal is not null });
        var decoding = _models.Sound.Decoder.Begin(vocal is not null, parts);
        decoding.Append(vocal, _stage2?.InstrumentalCodes ?? [Instrumental(_codes!)]);
        decoding.Complete();
        return decoding;
    }

    private SongAssembly Assembly() => new()
    {
        Request = _request,
        Plan = _plan,
        Codes = _codes!,
        Reference = _reference,
        FrameRateHz = _models.Sound.FrameRateHz,
        Clock = _clock,
        Warnings = _warnings,
    };

    private void Report(int section, long done, long total, double fraction) =>
        _report(new SongProgress(Stage, section, _plan.Sung.Count, done, total, fraction));

    private static int[] Vocal(SongCodes codes) => [.. codes.Sections.SelectMany(section => section.Vocal)];

    private static int[] Instrumental(SongCodes codes) => [.. codes.Sections.SelectMany(section => section.Instrumental)];

    /// <summary>The stages' shares of the progress, near their shares of the time. The rest is the decode.</summary>
    private readonly record struct StageShares(double Stage1, double Stage2)
    {
        public static StageShares Of(SongScope scope) => scope switch
        {
            SongScope.Draft => new(0.95, 0),
            SongScope.Finish => new(0, 0.9),
            _ => new(0.55, 0.4),
        };
    }
}
