using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.CommandLine;

/// <summary>Makes the takes of a song with an engine in this process and writes them to files.</summary>
/// <param name="engine">The engine, not started yet: everything that can be checked without it is checked first.</param>
/// <param name="intake">Accepts each take as a job.</param>
/// <param name="encoder">Encodes the sound files.</param>
/// <param name="references">Reads a reference clip.</param>
/// <param name="view">Shows the progress.</param>
/// <param name="output">Receives a result line per take, unless one of the take's files goes to standard output.</param>
/// <param name="error">Receives warnings and errors, and the result lines of takes that write to standard output.</param>
/// <param name="standardOutput">The output for files named <c>-</c>; null means the process's standard output.</param>
internal sealed class GenerateHandler(
    ISongEngine engine,
    JobIntake intake,
    ISongEncoder encoder,
    ReferenceLoader references,
    IProgressView view,
    TextWriter output,
    TextWriter error,
    Stream? standardOutput)
{
    private static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>True if a song was written.</summary>
    public bool HasWritten { get; private set; }

    /// <summary>Makes the takes.</summary>
    /// <param name="arguments">The song and its files.</param>
    /// <param name="start">Starts the engine.</param>
    /// <param name="cancel">Cancels the takes that are not written yet.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<int> RunAsync(GenerateArguments arguments, Func<CancellationToken, Task> start, CancellationToken cancel)
    {
        var player = arguments.IsPlayed ? SoundPlayer.Find() : null;
        if (arguments.IsPlayed && player is null)
        {
            return await FailAsync(ExitCode.Usage, $"--play needs {SoundPlayer.Known}, but none of them is installed here.");
        }

        if (await ReadFilesAsync(arguments, cancel) is { } fault)
        {
            return await FailAsync(ExitCode.Usage, fault);
        }

        Dictionary<string, byte[]> clips;
        try
        {
            clips = await ReadClipsAsync(arguments.ClipFiles, cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return await FailAsync(ExitCode.Usage, $"The reference clip cannot be read: {e.Message}");
        }

        // The request is checked before the models are loaded, and again when the names of the models are known.
        if (await CheckAsync(arguments, clips) is not { } early
            || await PlanFilesAsync(arguments, early) is not var (targets, format)
            || await LoadAsync(early, cancel) is not { } song)
        {
            return ExitCode.Usage;
        }

        await start(cancel);
        if (!await IsReadyAsync(cancel))
        {
            return await FailAsync(
                ExitCode.EngineFailed, $"The models could not be loaded: {engine.Status.Failure ?? "the engine stopped"}");
        }

        if (engine.Status.IsDemo)
        {
            await error.WriteLineAsync(
                "No checkpoints are configured, so the built-in demo model is in use: a small model for trying things out.");
        }

        if (await CheckAsync(arguments, clips) is not { } command)
        {
            return ExitCode.Usage;
        }

        await WarnAsync(command.Warnings);
        command = command with { Song = command.Song with { Reference = song.Reference } };
        return engine.Measure(command.Song)?.Fault is { } unsingable
            ? await FailAsync(ExitCode.Usage, $"{GenerateOptions.OptionFor(unsingable.Field)}: {unsingable.Message}.")
            : await MakeAsync(command, targets, format, player, cancel);
    }

    /// <summary>Returns the files of each take and their format; returns null and reports the error if options conflict or a file cannot be
    /// written.</summary>
    private async Task<(IReadOnlyList<SongFiles> Files, AudioFormat Format)?> PlanFilesAsync(
        GenerateArguments arguments, PredictCommand command)
    {
        var isScore = command.Song.Scope == SongScope.Score;
        var (format, fault) = isScore ? (AudioFormat.Wav, null) : SongFiles.FormatOf(arguments.OutFile, command.Format);
        fault ??= isScore && (arguments.ScoreOutFile is not null || arguments.IsPlayed)
            ? "--stage score makes no sound and writes the score to --out: omit --score-out and --play." : null;
        var takes = SongFiles.ForTakes(
            command.Takes, arguments.OutFile, arguments.CodesFile, arguments.ScoreOutFile, command.Song.Output.Stems, format);
        fault ??= arguments.IsPlayed && takes.Count > 1 ? "--play plays only one song: omit --play or --takes." : null;
        fault ??= takes.Select(files => files.Check()).FirstOrDefault(found => found is not null)
            ?? (encoder.Supports(format) ? null : $"{format.Name()} needs ffmpeg, "
                + "which is not installed here. Choose wav, or install ffmpeg.")
            ?? (takes[0].UseStandardOutput && takes.Count > 1
                ? $"--takes {takes.Count} makes several songs, but standard output is for only one: name a file." : null)
            ?? (takes[0].UseStandardOutput && standardOutput is null && !Console.IsOutputRedirected
                ? "Standard output is a terminal: redirect it to a file or another program, or name a file." : null);
        if (fault is not null)
        {
            await error.WriteLineAsync(fault);
            return null;
        }

        var mix = takes[0].Mix;
        if (!isScore && command.Format is null && !mix.IsStandardOutput && Path.GetExtension(mix.Path).Length == 0)
        {
            await WarnAsync([$"{mix.Name} is written as wav: its name has no extension, and there is no --format"]);
        }

        return (takes, format);
    }

    /// <summary>Reads the request; returns null and reports the errors if fields are invalid.</summary>
    private async Task<PredictCommand?> CheckAsync(GenerateArguments arguments, IReadOnlyDictionary<string, byte[]> clips)
    {
        using var request = JsonDocument.Parse(arguments.Fields.ToJsonString());
        var files = clips.ToDictionary(clip => clip.Key, clip => ClipFile.Of(clip.Value), StringComparer.Ordinal);
        var command = PredictReader.Read(request.RootElement, files, strict: true, engine.Status.SongModels, out var findings);
        await ReportAsync(findings);
        return command;
    }

    /// <summary>Returns the song with its decoded reference clip; returns null and reports the error if the clip is invalid.</summary>
    private async Task<SongRequest?> LoadAsync(PredictCommand command, CancellationToken cancel)
    {
        var findings = new RequestFindings();
        var reference = command.Reference is { } upload ? await references.LoadAsync(upload, cancel) : null;
        if (reference is not null)
        {
            findings.Add(reference);
        }

        await ReportAsync(findings);
        await WarnAsync(findings.Warnings);
        return findings.IsValid ? command.Song with { Reference = reference?.Reference } : null;
    }

    private async Task ReportAsync(RequestFindings findings)
    {
        foreach (var (path, messages) in findings.Errors)
        {
            await error.WriteLineAsync($"{GenerateOptions.OptionFor(path)}: {string.Join(' ', messages)}");
        }
    }

    /// <summary>Makes all takes at the same time, and writes each one as soon as it and all takes before it are finished.</summary>
    /// <returns>The exit code of the first take that fails; <see cref="ExitCode.EngineFailed"/> if the engine accepts no songs; otherwise
    /// success.</returns>
    private async Task<int> MakeAsync(
        PredictCommand command, IReadOnlyList<SongFiles> targets, AudioFormat format, SoundPlayer? player, CancellationToken cancel)
    {
        var jobs = new List<Job>();
        foreach (var seed in Enumerable.Range(0, targets.Count).Select(i => command.Song.Seed + i))
        {
            var request = command.ToJob(format).WithSeed(seed);
            var (outcome, job) = await intake.TakeAsync(request, cancel, isStreamed: player is not null);
            if (outcome != IntakeOutcome.Accepted)
            {
                return await FailAsync(ExitCode.EngineFailed, "The engine is not accepting songs.");
            }

            jobs.Add(job!);
        }

        var played = player?.PlayAsync(jobs[0].Sound!, cancel);
        var exitCode = ExitCode.Success;
        for (var i = 0; i < jobs.Count; i++)
        {
            var take = jobs.Count == 1 ? "" : $"take {i + 1} of {jobs.Count}: ";
            var end = await FinishAsync(jobs[i], take, targets[i], format, cancel);
            exitCode = exitCode == ExitCode.Success ? end : exitCode;
        }

        if (exitCode == ExitCode.Success && played is not null && await played is { } fault)
        {
            await WarnAsync([$"the song was not played: {fault}"]);
        }

        return exitCode;
    }

    /// <summary>Waits for a take and writes it.</summary>
    private async Task<int> FinishAsync(Job job, string take, SongFiles target, AudioFormat format, CancellationToken cancel)
    {
        var sound = job.Request.Song.Output;
        SongResult result;
        try
        {
            await view.FollowAsync(() => Describe(job.Feed.Latest.Progress, take), job.Song);
            result = await job.Song;
        }
        catch (Exception e) when (e is SongException or EngineDeadException)
        {
            return await FailAsync(ExitCode.SongFailed, $"{take}The song could not be made: {FirstLine(e)}");
        }

        var texts = new SongTexts(JobRows.ToJson(result.Codes), result.Score);
        EncodedSong encoded;
        try
        {
            encoded = await EncodedSong.EncodeAsync(encoder, result, format, sound, job.Request.Tags, cancel);
        }
        catch (SongException e)
        {
            // ffmpeg failed. WAV needs no ffmpeg.
            var asMade = sound with { LoudnessLufs = null };
            var wav = await EncodedSong.EncodeAsync(encoder, result, AudioFormat.Wav, asMade, job.Request.Tags, cancel);
            return await KeepAsync(target.As(AudioFormat.Wav), wav, texts, FirstLine(e));
        }

        await WarnAsync(result.Warnings.Concat(encoded.Warnings));
        try
        {
            await target.WriteAsync(encoded, texts, standardOutput ?? Console.OpenStandardOutput(), cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return await KeepAsync(target, encoded, texts, StorageFaults.Cause(e));
        }

        var what = result.Scope == SongScope.Score
            ? "a score"
            : string.Create(CultureInfo.InvariantCulture, $"{result.Mix.DurationSeconds:F1} s of audio");
        await (target.UseStandardOutput ? error : output).WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{target.Mix.Path}: {what} in {result.Timings.TotalSeconds:F1} s, "
                + $"model {result.Model}, seed {result.Seed}"));
        HasWritten = true;
        return ExitCode.Success;
    }

    /// <summary>Saves a finished song in a location other than the requested one, and reports the location.</summary>
    private async Task<int> KeepAsync(SongFiles target, EncodedSong song, SongTexts texts, string reason)
    {
        var kept = await target.KeepElsewhereAsync(song, texts);
        return await FailAsync(
            ExitCode.Failure,
            $"The song could not be written to {target.Mix.Path}: {reason.TrimEnd('.')}. "
            + (kept is null
                ? "It could not be saved in the folder for temporary files or the home folder either."
                : $"It is saved as {kept}."));
    }

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0];

    /// <summary>Waits until the models are loaded; returns false if they could not be loaded.</summary>
    private async Task<bool> IsReadyAsync(CancellationToken cancel)
    {
        var loaded = WaitAsync();
        await view.FollowAsync(() => Describe(engine.Status), loaded);
        return await loaded;

        async Task<bool> WaitAsync()
        {
            while (engine.Status.State == EngineState.Loading)
            {
                await Task.Delay(StatusInterval, cancel);
            }

            return engine.Status.State == EngineState.Ready;
        }
    }

    private static ProgressLine Describe(SongProgress? progress, string take) => progress is null ? new($"{take}waiting", 0) : new(
        take + progress.Stage switch
        {
            SongStage.Queued => "waiting",
            SongStage.Score => "writing the score",
            SongStage.Music => "writing the music",
            SongStage.Flow => "rendering",
            SongStage.Stage1 => string.Create(CultureInfo.InvariantCulture, $"singing section {progress.Section} of {progress.Sections}"),
            SongStage.Stage2 => "refining",
            SongStage.Decode => "decoding",
            _ => progress.Stage.ToString(),
        },
        progress.Fraction);

    private static ProgressLine Describe(EngineStatus status) => new($"loading: {status.Loading ?? "done"}", status.Percent / 100);

    /// <summary>Copies the lyrics, the score and the codes from their files into the request.</summary>
    /// <returns>A message about a file that cannot be used; null if all files can be used.</returns>
    private static async Task<string?> ReadFilesAsync(GenerateArguments arguments, CancellationToken cancel)
    {
        var option = "--lyrics";
        try
        {
            if (arguments.LyricsFile is { } lyrics)
            {
                // A character has at most four bytes. There is room for one character over the limit, so that excess text is noticed.
                const int MaxBytes = (SongLimits.MaxLyricsLength + 1) * 4;
                arguments.Fields["lyrics"] = await TextFile.ReadAsync(lyrics, MaxBytes, $"{SongLimits.MaxLyricsLength} characters", cancel);
            }

            option = "--score";
            if (arguments.ScoreFile is { } score)
            {
                const int MaxBytes = (SongLimits.MaxScoreLength + 1) * 4;
                arguments.Fields["score"] = await TextFile.ReadAsync(score, MaxBytes, $"{SongLimits.MaxScoreLength} characters", cancel);
            }

            option = "--continue-from";
            if (arguments.ContinueFile is { } codes)
            {
                // Two tracks, with room for each code to be on its own line.
                const int MaxBytes = SongLimits.MaxCodesFrames * 2 * 16;
                arguments.Fields["continue_from"] = JsonNode.Parse(await TextFile.ReadAsync(codes, MaxBytes, $"{MaxBytes} bytes", cancel))
                    ?? throw new InvalidDataException("it contains null.");
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
        {
            return $"{option} cannot be read: {e.Message}";
        }
    }

    /// <summary>Returns the contents of a reference clip's files, each under the name of its field.</summary>
    private static async Task<Dictionary<string, byte[]>> ReadClipsAsync(
        IEnumerable<KeyValuePair<string, string>> files, CancellationToken cancel)
    {
        var clips = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (field, file) in files)
        {
            var bytes = new FileInfo(file).Length;
            clips[field] = bytes <= AudioDecoder.MaxBytes
                ? await File.ReadAllBytesAsync(file, cancel)
                : throw new InvalidDataException($"{file} has {bytes} bytes, more than {AudioDecoder.MaxBytes}.");
        }

        return clips;
    }

    private async Task WarnAsync(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
        {
            await error.WriteLineAsync($"warning: {warning}");
        }
    }

    private async Task<int> FailAsync(int exitCode, string message)
    {
        await error.WriteLineAsync(message);
        return exitCode;
    }
}
