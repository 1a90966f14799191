using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>A YuE 1 song being made: stage 1, stage 2, then decoding. It holds only the models that it currently uses.</summary>
/// <remarks>Frames are passed to the next stage as soon as they are final. While stage 1 is writing, stage 2 runs only if the song has a
/// listener. Otherwise stage 2 waits for the end of stage 1, because then it can process more chunks at once, which takes less time in
/// total. The song is the same either way.</remarks>
internal sealed class SongWork : ISongWork, IPacedSong
{
    private readonly SongRequest _request;
    private readonly Action<SongProgress> _report;
    private readonly ISongListener? _listener;
    private readonly Yue1Songs _models;
    private readonly List<string> _warnings = [];
    private readonly StageClock _clock;
    private readonly Stage2Song? _stage2;       // null for a draft
    private readonly SoundWork _sound;
    private SongPlan _plan = new() { Before = [] };
    private SectionBudget[] _budgets = [];
    private SongEffort? _effort;
    private SongCodes? _codes;                  // set once stage 1 has ended
    private ModelLease<Stage1Model>? _stage1Model;
    private ModelLease<Stage2Model>? _stage2Model;
    private Stage1Song? _stage1;
    private ReferenceEncoding? _encoding;       // null without a reference clip
    private ReferenceResult? _reference;
    private int _framesWritten;                 // the number of frames from stage 1, including kept frames
    private SectionPlace[] _starts = [];        // the starts of the sections that have a written frame
    private bool _isBeforeStage2;
    private Stage2Turn _turn;                   // the decision made in the last call to AdvanceStage2
    private Task<SongResult>? _assembling;

    /// <summary>Creates the work for a song without starting it.</summary>
    /// <param name="order">The song to make.</param>
    /// <param name="models">The models to make it with.</param>
    public SongWork(SongOrder order, Yue1Songs models)
    {
        (_request, _report, _listener, _models) = (order.Request, order.Report, order.Listener, models);
        _clock = new StageClock(order.Waited);
        _stage2 = _request.Scope == SongScope.Draft ? null : new Stage2Song(hasVocal: !_request.Instrumental);
        _sound = new SoundWork(_request, _listener, _models.Sound);

        // These lines are last, so that the song is not counted if the constructor throws.
        _isBeforeStage2 = _stage2 is not null;
        _models.BeforeStage2 += _isBeforeStage2 ? 1 : 0;
    }

    /// <summary>The first unfinished stage.</summary>
    public SongStage Stage => this switch
    {
        { _codes: null, _stage1Model: null } => SongStage.Queued,
        { _codes: null } => SongStage.Stage1,
        { _stage2: { IsDone: false } } => SongStage.Stage2,
        _ => SongStage.Decode,
    };

    public SongResult? Result { get; private set; }

    /// <summary>The steps of the decoders during stage 1 and stage 2. Reading a prompt is not a shared step. While stage 2 is working on
    /// paced chunks, the song does not request steps of stage 1, but steps that other songs request still advance it.</summary>
    public IReadOnlyList<ISharedStep> SharedSteps
    {
        get
        {
            var steps = new List<ISharedStep>();
            var isInStage2 = _stage2 is { IsRunning: true } && _turn.IsDue;
            if (_codes is null && _stage1 is { Sequence.Unread: 0 } && !(isInStage2 && IsPaced))
            {
                steps.Add(new Stage1Step(_stage1Model!.Model.Decoder, _models.Times));
            }

            if (isInStage2)
            {
                steps.Add(new Stage2Step(_stage2Model!.Model.Decoder, _models.Times));
            }

            return steps;
        }
    }

    /// <summary>The song's slot in the stage-1 decoder.</summary>
    public IStage1Sequence Stage1Sequence => _stage1!.Sequence;

    public bool IsWaiting => Stage == SongStage.Queued || (Stage == SongStage.Stage2 && _stage2Model is null);

    public Task? Background => _assembling;

    bool IPacedSong.IsHeard => IsHeard;

    bool IPacedSong.IsWritten => _codes is not null;

    int IPacedSong.FramesWritten => _framesWritten;

    int IPacedSong.RowsPerChunk => _request.Instrumental ? 1 : 2;

    int IPacedSong.ChunksBegun => _stage2!.ChunksBegun;

    bool IPacedSong.IsRunning => _stage2!.IsRunning;

    double? IPacedSong.LeadSeconds => _sound.IsHeard ? _sound.DecodedSeconds - _listener!.PlayedSeconds : null;

    IEnumerable<(int Start, int FramesNeeded)> IPacedSong.WindowsLeft => Decoding.WindowsLeft;

    private bool IsHeard => _listener is { IsListening: true };

    /// <summary>True if chunks take less time when processed together, so stage 2 begins them as late as the player allows.</summary>
    private bool IsPaced => _stage2Model?.Model.Decoder.QuickRows == int.MaxValue;

    private SongDecoding Decoding => _sound.Decoding;

    /// <summary>Reads the lyrics, and begins stage 1 if there is memory for its checkpoint. A request to finish given codes begins with
    /// stage 2 instead.</summary>
    public void Begin()
    {
        _plan = SongPlan.For(_request);
        _budgets = _plan.BudgetsOf(_request);
        _effort = SongEffort.Of(_request, _plan, _models.Pace, _models.Devices);
        _warnings.AddRange(_plan.Warnings);
        if (_request is { Instrumental: true, Output.Stems: true })
        {
            _warnings.Add("output.stems was ignored: an instrumental song has only one track");
        }

        if (_request.Scope == SongScope.Finish)
        {
            EndStage1(_request.ContinueFrom ?? throw new SongRequestException("continue_from: there are no codes to finish"));
            AdvanceStage2();
            Report();
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
        if (_assembling is not null)
        {
            Result = _assembling.IsCompleted ? _assembling.GetAwaiter().GetResult() : null;
            return;
        }

        _sound.ThrowIfFaulted();
        if (Stage == SongStage.Queued)
        {
            TryBeginStage1();
            return;
        }

        if (Stage == SongStage.Stage1)
        {
            AdvanceStage1();
        }

        AdvanceStage2();
        if (!IsWaiting)
        {
            Decode();
            Report();
        }
    }

    (int From, int To) IPacedSong.FramesTo(int frame) => _stage2!.FramesTo(frame);

    public void Dispose()
    {
        _sound.Stop();
        LeaveStage2Queue();
        _stage1?.Dispose();
        _stage1Model?.Dispose();
        _stage2?.Dispose();
        _stage2Model?.Dispose();
    }

    private void TryBeginStage1()
    {
        if ((_stage1Model = _models.TryTakeStage1(_request.Model)) is null)
        {
            return;
        }

        var model = _stage1Model.Model;
        if (_request.Reference is not { } reference)
        {
            BeginSinging(model, null);
        }
        else
        {
            if (model.IsLyricsOnly)
            {
                _warnings.Add(PromptMeasure.NotTrainedOnClips(model.Name));
            }

            _encoding = _models.Sound.References.Begin(reference);
        }

        AddSections(_plan.Before);

        Report();
    }

    /// <summary>Encodes one track of the reference per step. Once all tracks are encoded, begins the first section.</summary>
    private void Encode(ReferenceEncoding encoding)
    {
        if (!encoding.IsDone)
        {
            encoding.Advance();
            return;
        }

        (var clip, _reference) = encoding.Result();
        BeginSinging(_stage1Model!.Model, clip);
    }

    private void BeginSinging(Stage1Model model, ReferenceClip? clip)
    {
        var prompt = model.Prompts.Build(_request.Genre, _plan.Lyrics, clip);
        _warnings.AddRange(prompt.Warnings);
        var sequence = model.Decoder.TryOpen(_request.Seed)
            ?? throw new InvalidOperationException("the decoder has no room for an admitted song");
        int[][] kept = [.. _plan.Before.Select(section => section.ToIds())];
        _stage1 = new Stage1Song(prompt, kept, _budgets, _request.Sampling, sequence, model.Decoder.ContextLength);
        _stage1.Begin();
    }

    /// <summary>Encodes the reference first if there is one. Then reads the ids that the decoder sampled, and a chunk of the prompt if a
    /// section begins. Ends stage 1 after the last section.</summary>
    private void AdvanceStage1()
    {
        if (_stage1 is null)
        {
            Encode(_encoding!);
            return;
        }

        _stage1.TakeSampled();
        var written = _stage1.TakeFrames();
        if (_stage1.SectionsTaken > _starts.Length - _plan.Before.Count)
        {
            AddStart(_plan.Sung[_stage1.SectionsTaken - 1].Tag);
        }

        AddFrames(written.Vocal.AsSpan(), written.Instrumental.AsSpan());
        if (!_stage1.IsDone)
        {
            _stage1.Read();
            return;
        }

        _clock.EndStage1(_stage1.Tokens);
        _warnings.AddRange(_stage1.Warnings);
        SectionCodes[] sung = [.. _stage1.Sung.Select((ids, i) => SectionIds.ToSection(_plan.Sung[i].Tag, ids))];
        _warnings.AddRange(sung.SelectMany(
            (section, i) => SectionFindings.Of(_plan.Before.Count + i + 1, section, _request.TargetSeconds?[i])));
        _stage1.Dispose();
        _stage1Model!.Dispose();
        EndStage1(new SongCodes(_stage1Model.Model.Name, [.. _plan.Before, .. sung, .. _plan.After]));
    }

    /// <summary>Adds the kept sections that follow the sung ones, or all sections if stage 1 does not run. After this, the length of the
    /// song is known.</summary>
    private void EndStage1(SongCodes codes)
    {
        _codes = codes;
        AddSections(_request.Scope == SongScope.Finish ? codes.Sections : _plan.After);
        if (_stage2 is null)
        {
            Decoding.Complete();
        }
        else
        {
            _stage2.Complete();
        }

        _sound.SetEnd(codes.Frames, isCut: codes.Sections is [.., { Ended: SectionEnd.MaxNewTokens }]);
    }

    private void AddSections(IEnumerable<SectionCodes> sections)
    {
        foreach (var section in sections)
        {
            AddStart(section.Tag);
            AddFrames(section.Vocal.AsSpan(), section.Instrumental.AsSpan());
        }
    }

    /// <summary>Records that a section begins with the next frame.</summary>
    private void AddStart(string tag) => _starts = [.. _starts, new(tag, (double)_framesWritten / _models.Sound.FrameRateHz)];

    /// <summary>Passes codes of stage 1 to stage 2, or directly to the decoder for a draft.</summary>
    private void AddFrames(ReadOnlySpan<int> vocal, ReadOnlySpan<int> instrumental)
    {
        _framesWritten += instrumental.Length;
        if (_stage2 is not null)
        {
            _stage2.Append(vocal, instrumental);
        }
        else
        {
            Decoding.Append(_request.Instrumental ? null : [vocal.ToArray()], [instrumental.ToArray()]);
        }
    }

    /// <summary>Reads the codes that the decoder wrote, and begins chunks. After stage 1, all chunks can begin. While stage 1 is writing,
    /// only chunks that a listener is waiting for can begin, and only if there is memory for both models.</summary>
    private void AdvanceStage2()
    {
        if (_stage2 is null or { IsDone: true })
        {
            return;
        }

        if ((_codes is not null || IsHeard) && _stage2.CanBegin)
        {
            _stage2Model ??= _models.TryTakeStage2();
        }

        if (_stage2Model is null)
        {
            return;
        }

        var decoder = _stage2Model.Model.Decoder;
        _turn = IsPaced
            ? Stage2Pace.Next(this, _models.Times, decoder.ActiveRows.Count)
            : new Stage2Turn(IsDue: _codes is not null || IsHeard, Chunks: int.MaxValue);
        _stage2.Advance(decoder, MaxRows(decoder));
        if (_stage2.ChunksBegun > 0)
        {
            LeaveStage2Queue();
        }

        var (vocal, instrumental) = _stage2.TakeFrames();
        Decoding.Append(vocal, instrumental);
        if (_stage2.IsDone)
        {
            _clock.EndStage2();
            _stage2Model.Dispose();
            Decoding.Complete();
        }
    }

    /// <summary>Returns the maximum number of rows for the song. If chunks are paced, two rows are reserved for each song that has none
    /// yet.</summary>
    private int MaxRows(IStage2Decoder decoder)
    {
        if (!IsPaced)
        {
            return !_turn.IsDue ? 0 : IsHeard ? decoder.QuickRows : int.MaxValue;
        }

        var others = _models.BeforeStage2 - (_stage2!.ChunksBegun == 0 ? 1 : 0);
        var free = Math.Max(decoder.FreeRows - (2 * others), _stage2.ChunksBegun == 0 ? 2 : 0);
        return _stage2.Rows + (int)Math.Min((long)_turn.Chunks * ((IPacedSong)this).RowsPerChunk, free);
    }

    /// <summary>Decodes one window per step, and passes on final sound. After the last window, starts to assemble the song.</summary>
    private void Decode()
    {
        _sound.Advance();
        if (Decoding.IsDone)
        {
            _assembling = _sound.Assemble(Assembly());
        }
        else if (_sound.IsHeldBack && CanStart())
        {
            _sound.Start();
        }

        if (_codes is null)
        {
            _sound.SetFinal(FinalFrames());
        }
    }

    /// <summary>Returns true if the first sound may be passed on. This is the case if nobody is listening, if stage 2 is done, unnecessary
    /// or not paced, or if the player will not have to wait for the chunks that have begun.</summary>
    private bool CanStart() =>
        !IsHeard || _stage2 is null or { IsDone: true } || (_stage2Model is not null && !IsPaced)
            || (_sound.DecodedSeconds is > 0 and var decoded
                && Stage2Pace.CanStart(this, decoded, _models.Times, _stage2Model!.Model.Decoder.ActiveRows.Count));

    /// <summary>Returns the minimum number of frames that the song has if its last section is cut at its limit. If the section ends on
    /// its own, the song can be shorter, but is not faded out.</summary>
    /// <returns>The number of frames; null if the song ends with a kept section that was not cut.</returns>
    private int? FinalFrames()
    {
        if (_plan.After is [.., { Ended: SectionEnd.EndOfAudio }])
        {
            return null;
        }

        var inSection = _stage1?.FramesTaken ?? 0;
        return _framesWritten - inSection + _plan.After.Sum(section => section.Frames)
            + SectionBudget.MinFrames(_budgets, _stage1?.Done ?? 0, inSection, lastIsCut: _plan.After.Count == 0);
    }

    /// <summary>Releases the rows that were reserved for the song. Called once the song has rows or needs none.</summary>
    private void LeaveStage2Queue()
    {
        _models.BeforeStage2 -= _isBeforeStage2 ? 1 : 0;
        _isBeforeStage2 = false;
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

    /// <summary>Reports the current stage and the progress of all stages. Until stage 1 ends, the expected lengths of sections are
    /// used.</summary>
    private void Report()
    {
        int[] finished = [.. (_stage1?.Sung ?? []).Select(ids => ids.Length)];
        var current = (_stage1?.Tokens ?? 0) - finished.Sum();
        var tokens = _stage1 is null && _codes is not null ? 0 : _effort!.Tokens(finished, current);
        var frames = _codes?.Frames ?? (_plan.KeptFrames + (tokens / 2));
        var (stage2Frames, decodeFrames) = ((_request.Instrumental ? 1 : 2) * frames, Decoding.Passes * frames);
        var (section, done, total) = Stage switch
        {
            SongStage.Stage1 => ((_stage1?.Done ?? 0) + 1, _stage1?.Tokens ?? 0, tokens),
            SongStage.Stage2 => (0, _stage2!.FramesDone, stage2Frames),
            _ => (0, Decoding.FramesDone, decodeFrames),
        };
        var reading = _stage1?.Reading ?? default;
        var fraction = _effort!.Fraction(
            finished.Sum() + current + reading.Done,
            tokens + reading.All,
            frames,
            Share(_stage2?.FramesDone ?? 0, stage2Frames),
            Share(Decoding.FramesDone, decodeFrames));
        _report(new SongProgress(Stage, section, _plan.Sung.Count, done, (long)Math.Ceiling(total), fraction) { Starts = _starts });
    }

    private static double Share(double done, double total) => total <= 0 ? 1 : Math.Min(1, done / total);
}
