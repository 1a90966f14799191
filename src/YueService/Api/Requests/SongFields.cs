using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>The fields of a song request: the only place where they are declared.</summary>
internal static class SongFields
{
    /// <summary>The characters of a caller's own name for a request, as a class of a regular expression.</summary>
    public const string ClientJobIdCharacters = "[a-zA-Z0-9._:-]";

    private const string OriginsValue = "that of the song whose id is in `continue_from`";

    private static readonly List<RequestField> Table = [];
    private static readonly SongRequest Defaults = new() { Lyrics = "" };
    private static readonly SongReference ReferenceDefaults = new();

    /// <summary>All fields, in the order of the documentation. Objects are not listed, but the fields in them are.</summary>
    public static IReadOnlyList<RequestField> All => Table;

    public static TextField Lyrics { get; } = Add(new TextField(
        "lyrics",
        "The words to sing, in sections headed by tags such as [verse]. With `continue_from`, the lyrics of the whole song, "
            + "beginning with the sections that have already been sung.",
        SongLimits.MinLyricsLength,
        SongLimits.MaxLyricsLength)
    {
        IsRequired = true,
        Otherwise = "those of the song whose id is in `continue_from`; with `stage` finish, none; with `instrumental`, only section tags",
        Option = new("--lyrics")
        {
            IsFile = true,
            Placeholder = "FILE|-",
            Note = "A file, or - for standard input.",
            Default = "required, except with --instrumental and --stage finish",
        },
    });

    public static TextField Genre { get; } = Add(new TextField(
        "genre", "The genre line: genre, instruments, mood, voice.", 0, SongLimits.MaxGenreLength)
    {
        Default = Defaults.Genre,
        Otherwise = OriginsValue,
        Option = new("--genre") { Default = Defaults.Genre },
    });

    public static WholeField MaxNewTokens { get; } = Add(new WholeField(
        "max_new_tokens",
        "The maximum number of tokens per section; 100 tokens are one second.",
        SongLimits.MinMaxNewTokens,
        SongLimits.MaxMaxNewTokens)
    {
        Default = Defaults.MaxNewTokens,
        Otherwise = "100 per second of `target_seconds`",
        Option = new("--max-new-tokens"),
    });

    public static NumbersField TargetSeconds { get; } = Add(new NumbersField(
        "target_seconds",
        "YuE 1: the length in seconds of each section to sing, at most 100 s per section, as one number or as an array, instead of "
            + "`max_new_tokens`. A section ends in the last tenth of this time or is cut. YuE 2: the maximum length of the whole song in "
            + "seconds, as one number.",
        SongLimits.MinTargetSeconds,
        SongLimits.MaxSongSeconds,
        SongLimits.MaxCodesSections)
    {
        DefaultWords = "no target",
        Option = new("--target-seconds"),
    });

    public static WholeField RunNSegments { get; } = Add(new WholeField(
        "run_n_segments",
        "The number of lyric sections to sing; 0 means all. With `continue_from`, the number of further sections.",
        SongLimits.MinRunNSegments,
        SongLimits.MaxRunNSegments)
    {
        Default = Defaults.RunNSegments,
        Option = new("--run-n-segments"),
    });

    public static TextField Score { get; } = Add(new TextField(
        "score",
        "The score that the music follows, in ABC notation, instead of one that the model writes. Songs return their score, so you can "
            + "edit it and send it back.",
        SongLimits.MinScoreLength,
        SongLimits.MaxScoreLength)
    {
        DefaultWords = "a score that the model writes",
        Option = new("--score")
        {
            IsFile = true,
            Placeholder = "FILE|-",
            Note = "A file, or - for standard input.",
        },
    });

    public static ChoiceField<ScorePlan> Plan { get; } = Add(new ChoiceField<ScorePlan>(
        "plan",
        "The score that is written before the music: melody and chords, only the melody, or none.",
        ("full", ScorePlan.Full),
        ("melody", ScorePlan.Melody),
        ("off", ScorePlan.Off))
    {
        Default = "full",
        Option = new("--plan"),
    });

    public static WholeField Seed { get; } = Add(new WholeField(
        "seed", "The random seed: the same request and seed give the same song.", long.MinValue, long.MaxValue)
    {
        Default = Defaults.Seed,
        Option = new("--seed"),
    });

    public static WholeField Takes { get; } = Add(new WholeField(
        "takes",
        "The number of songs to make from the request: a group of takes with the seeds `seed`, `seed` + 1, … Only for `POST /v1/songs`.",
        SongLimits.MinTakes,
        SongLimits.MaxTakes)
    {
        Default = SongLimits.MinTakes,
        IsForEveryFamily = true,
        Option = new("--takes") { Note = "song.wav becomes song-1.wav, song-2.wav and so on." },
    });

    public static TextField ClientJobId { get; } = Add(new TextField(
        "client_job_id", "The caller's own name for the request. Invalid names are ignored with a warning.", 1, 256)
    {
        Characters = ClientJobIdCharacters,
        CharacterNames = "letters, digits or . _ : -",
        IsForEveryFamily = true,
    });

    public static TextField Title { get; } = Add(new TextField("title", "The song's title.", 1, SongTitle.MaxLength)
    {
        DefaultWords = "the one given to the song whose id is in `continue_from`, or else the first line of the lyrics",
        IsForEveryFamily = true,
    });

    public static TextField CallbackUrl { get; } = Add(new TextField(
        "callback_url",
        "A URL that gets a signed POST when the job ends. Only for jobs, and only if a webhook secret is set.",
        1,
        2_000)
    {
        IsForEveryFamily = true,
    });

    public static TextField Model { get; } = Add(new TextField("model", "The name of the model that sings, from GET /v1/models.", 1, 256)
    {
        DefaultWords = "the first configured one",
        Otherwise = "the one that sang the song in `continue_from`",
        IsForEveryFamily = true,
        Option = new("--model") { Placeholder = "NAME" },
    });

    public static ChoiceField<SongScope> Stage { get; } = Add(new ChoiceField<SongScope>(
        "stage",
        "The stages to run. draft skips stage 2: it is quick, but the sound is rough and at 16 kHz. finish makes the full song from "
            + "the song in `continue_from` and sings nothing new. score writes only the score, without sound.",
        ("full", SongScope.Full),
        ("draft", SongScope.Draft),
        ("finish", SongScope.Finish),
        ("score", SongScope.Score))
    {
        Default = "full",
        Option = new("--stage"),
    });

    public static SongField ContinueFrom { get; } = Add(new SongField(
        "continue_from", "The song to continue, to revise or to finish.")
    {
        DefaultWords = "a new song",
        Option = new("--continue-from") { IsFile = true, Note = "A file that --return-codes wrote." },
    });

    public static WholeField ReplaceSection { get; } = Add(new WholeField(
        "replace_section",
        "The section of the song in `continue_from` to sing again, counted from 1; the other sections are kept.",
        1,
        SongLimits.MaxCodesSections)
    {
        DefaultWords = "no section",
        Option = new("--replace-section"),
    });

    public static FlagField Instrumental { get; } = Add(new FlagField(
        "instrumental",
        "Makes a song without words. YuE 1: the mix has only the instrumental track. YuE 2: the instruments play the melody of the score.")
    {
        Default = Defaults.Instrumental,
        Otherwise = OriginsValue,
        Option = new("--instrumental"),
    });

    public static FlagField Stream { get; } = Add(new FlagField(
        "stream",
        "Sends the sound while the song is being made. Only for `POST /predict` with `Accept: audio/wav` or `audio/mpeg`. To hear a job, "
            + "use `GET /v1/songs/{id}/stream`.")
    {
        IsForEveryFamily = true,
    });

    public static FlagField ReturnCodes { get; } = Add(new FlagField(
        "return_codes", "Also returns the stage-1 codes, for use in `continue_from`. A finished job always has them.")
    {
        Option = new("--return-codes")
        {
            IsFile = true,
            Placeholder = "FILE|-",
            Note = "The codes are written to the file, which is replaced if it exists; - is standard output.",
            Default = "none",
        },
    });

    public static NumberChoiceField SampleRate { get; } = Add(new NumberChoiceField(
        "output.sample_rate",
        "The sample rate in Hz: 44100 from the vocoder, or 16000 from the codec only. YuE 2 songs are always at 48000 Hz.",
        Defaults.Output.SampleRate,
        OutputSettings.CodecSampleRateHz)
    {
        Default = Defaults.Output.SampleRate,
        Otherwise = $"{OutputSettings.CodecSampleRateHz} for a draft",
        Option = new("--sample-rate"),
    });

    public static ChoiceField<AudioFormat> Format { get; } = Add(new ChoiceField<AudioFormat>(
        "output.format",
        "The format of the file. flac and mp3 need ffmpeg.",
        [.. SongFormats.ByName.Select(format => (format.Key, format.Value))])
    {
        Default = AudioFormat.Wav.Name(),
        Otherwise = "the format that `Accept` names",
        IsForEveryFamily = true,
        Option = new("--format") { Default = "from the extension of --out; wav without one" },
    });

    public static FlagField Stems { get; } = Add(new FlagField(
        "output.stems", "Also returns the vocal and the instrumental track.")
    {
        Default = Defaults.Output.Stems,
        Option = new("--stems"),
    });

    public static NumberField LoudnessLufs { get; } = Add(new NumberField(
        "output.loudness_lufs",
        "The target loudness of the mix in LUFS (ITU-R BS.1770), as far as peaks allow.",
        SongLimits.MinLoudnessLufs,
        SongLimits.MaxLoudnessLufs)
    {
        DefaultWords = "no change of loudness",
        IsForEveryFamily = true,
        Option = new("--loudness-lufs"),
    });

    public static NumberField FadeOutSeconds { get; } = Add(new NumberField(
        "output.fade_out_seconds",
        "The length in seconds of the fade-out at the end of a song that was cut, at most half of the song; 0 disables it.",
        SongLimits.MinFadeOutSeconds,
        SongLimits.MaxFadeOutSeconds)
    {
        Default = Defaults.Output.FadeOutSeconds,
        Option = new("--fade-out-seconds"),
    });

    public static NumberField Temperature { get; } = Add(new NumberField(
        "sampling.temperature",
        "The randomness of sampling; higher is more surprising. With YuE 2, this field and the next four apply to the music, not to the "
            + "score.",
        SongLimits.MinTemperature,
        SongLimits.MaxTemperature)
    {
        Default = Defaults.Sampling.Temperature,
        Option = new("--temperature"),
    });

    public static NumberField TopP { get; } = Add(new NumberField(
        "sampling.top_p",
        "The cumulative probability of the tokens to sample from. The YuE 2 default is 0.95.",
        SongLimits.MinTopP,
        SongLimits.MaxTopP)
    {
        Default = Defaults.Sampling.TopP,
        Option = new("--top-p"),
    });

    public static WholeField TopK { get; } = Add(new WholeField(
        "sampling.top_k",
        "The number of most likely tokens to sample from; 0 disables it. The YuE 2 default is 100.",
        SongLimits.MinTopK,
        SongLimits.MaxTopK)
    {
        Default = Defaults.Sampling.TopK,
        Option = new("--top-k"),
    });

    public static NumberField RepetitionPenalty { get; } = Add(new NumberField(
        "sampling.repetition_penalty",
        "Reduces the probability of tokens that have already occurred; 1 disables it. The YuE 2 default is 1.2.",
        SongLimits.MinRepetitionPenalty,
        SongLimits.MaxRepetitionPenalty)
    {
        Default = Defaults.Sampling.RepetitionPenalty,
        Option = new("--repetition-penalty"),
    });

    public static NumberField GuidanceScale { get; } = Add(new NumberField(
        "sampling.guidance_scale",
        "The strength of guidance: with a larger value, the song follows genre and lyrics more closely; 1 disables it.",
        SongLimits.MinGuidanceScale,
        SongLimits.MaxGuidanceScale)
    {
        DefaultWords = FormattableString.Invariant(
            $"{SamplingSettings.FirstGuidanceScale} for the first section and {SamplingSettings.LaterGuidanceScale} for later ones"),
        Otherwise = "1 with YuE 2 (1.01 with `plan` off)",
        Option = new("--guidance-scale"),
    });

    public static WholeField FlowSteps { get; } = Add(new WholeField(
        "sampling.flow_steps",
        "The number of steps that render the music tokens. Fewer steps take less time, but the sound is rougher.",
        SongLimits.MinFlowSteps,
        SongLimits.MaxFlowSteps)
    {
        Default = 32,
        Option = new("--flow-steps"),
    });

    public static FileField ReferenceAudio { get; } = Add(new FileField(
        "reference.audio", "A reference clip as one mixed file; the song follows its style. Needs an icl checkpoint.")
    {
        Option = new("--reference"),
    });

    public static FileField ReferenceVocal { get; } = Add(new FileField(
        "reference.vocal", "The vocal track of a reference clip; requires `reference.instrumental`.")
    {
        Option = new("--reference-vocal"),
    });

    public static FileField ReferenceInstrumental { get; } = Add(new FileField(
        "reference.instrumental",
        "The instrumental track of a reference clip; its length may differ by at most 0.1 s from that of `reference.vocal`.")
    {
        Option = new("--reference-instrumental"),
    });

    public static TextField ReferenceClip { get; } = Add(new TextField(
        "reference.clip", "The id of an uploaded clip (`POST /v1/clips`), instead of `reference.audio`.", 1, 64));

    public static NumberField ReferenceStart { get; } = Add(new NumberField(
        "reference.start_seconds",
        $"The start of the part of the clip to use, in seconds; at least {SongLimits.MinReferenceSeconds} s before the clip's end.",
        0,
        AudioDecoder.MaxDurationSeconds)
    {
        Default = ReferenceDefaults.StartSeconds,
        Option = new("--reference-start"),
    });

    public static NumberField ReferenceEnd { get; } = Add(new NumberField(
        "reference.end_seconds",
        $"The end of the part of the clip to use, in seconds; {SongLimits.MinReferenceSeconds} to {SongLimits.MaxReferenceSeconds} s after "
            + "the start. A value past the clip's end is read as the clip's end.",
        0,
        AudioDecoder.MaxDurationSeconds)
    {
        Default = ReferenceDefaults.EndSeconds,
        Option = new("--reference-end"),
    });

    public static FlagField ReferenceSeparate { get; } = Add(new FlagField(
        "reference.separate", "Splits `reference.audio` or `reference.clip` into vocals and accompaniment first. Needs a separator.")
    {
        Option = new("--reference-separate"),
    });

    public static ObjectField Output { get; } = new("output", "The sound to return.");

    public static ObjectField Sampling { get; } = new("sampling", "The sampling of tokens.");

    public static ObjectField Reference { get; } = new(
        "reference",
        "A clip; the song follows its style. Send `audio`, or `clip`, or both `vocal` and `instrumental`. Each file can be a part of a "
            + "multipart request instead, named reference.audio and so on.");

    /// <summary>The objects that group fields.</summary>
    public static IReadOnlyList<ObjectField> Objects { get; } = [Output, Sampling, Reference];

    private static T Add<T>(T field)
        where T : RequestField
    {
        Table.Add(field);
        return field;
    }
}
