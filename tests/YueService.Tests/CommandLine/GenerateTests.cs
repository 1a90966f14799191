using System.Text;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Tests.Fakes;

namespace YueService.Tests.CommandLine;

public sealed class GenerateTests : IDisposable
{
    private const string Lyrics = "[verse]\nHello 😀\n";
    private readonly TemporaryFolder _folder = new();
    private readonly Command _command = new();

    public GenerateTests() => File.WriteAllText(_folder["lyrics.txt"], Lyrics);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_lyrics_file_becomes_a_song_file()
    {
        var exitCode = await GenerateAsync("--genre", "folk", "--seed", "-9", "--out", _folder["song.wav"]);
        Assert.Equal((ExitCode.Success, ""), (exitCode, Faults()));
        Assert.Equal(
            new SongRequest { Lyrics = Lyrics, Genre = "folk", Seed = -9 }, Assert.Single(_command.Engine.Requests));
        Assert.Equal("RIFF"u8, File.ReadAllBytes(_folder["song.wav"]).AsSpan(0, 4));
        Assert.Equal(["lyrics.txt", "song.wav"], _folder.Files);
        Assert.Equal($"{_folder["song.wav"]}: 0.1 s of audio in 3.8 s, model en-cot, seed -9\n", _command.Output.ToString());
    }

    [Fact]
    public async Task Every_option_reaches_the_engine()
    {
        var exitCode = await GenerateAsync(
            "--out", _folder["song.bin"], "--run-n-segments", "0", "--max-new-tokens", "200", "--sample-rate", "16000", "--format", "flac",
            "--stems", "--model", "en-icl", "--temperature", "0.5", "--top-p", "0.9", "--top-k", "7", "--repetition-penalty", "1.2",
            "--guidance-scale", "2", "--loudness-lufs", "-14");
        Assert.Equal((ExitCode.Success, ""), (exitCode, Faults()));
        var expected = new SongRequest
        {
            Lyrics = Lyrics,
            RunNSegments = 0,
            MaxNewTokens = 200,
            Model = "en-icl",
            Output = new OutputSettings { SampleRate = 16000, Stems = true, LoudnessLufs = -14 },
            Sampling = new SamplingSettings { Temperature = 0.5, TopP = 0.9, TopK = 7, RepetitionPenalty = 1.2, GuidanceScale = 2 },
        };
        Assert.Equal(expected, Assert.Single(_command.Engine.Requests));
        Assert.Equal(["lyrics.txt", "song.bin", "song.instrumental.bin", "song.vocal.bin"], _folder.Files);
        Assert.Equal("flac", File.ReadAllText(_folder["song.bin"]));
    }

    [Fact]
    public async Task Takes_become_numbered_files_with_consecutive_seeds()
    {
        var exitCode = await GenerateAsync(
            "--takes", "3", "--seed", "7", "--stems", "--out", _folder["song.wav"], "--return-codes", _folder["codes.json"]);
        Assert.Equal((ExitCode.Success, ""), (exitCode, Faults()));
        Assert.Equal([7L, 8L, 9L], _command.Engine.Requests.Select(request => request.Seed).Order());
        Assert.Equal(
            Enumerable.Range(1, 3).SelectMany(take => new[]
            {
                $"codes-{take}.json", $"song-{take}.instrumental.wav", $"song-{take}.vocal.wav", $"song-{take}.wav",
            }).Append("lyrics.txt").Order(StringComparer.Ordinal),
            _folder.Files.Order(StringComparer.Ordinal));
        var lines = _command.Output.ToString().TrimEnd().Split('\n');
        Assert.Equal(["song-1.wav seed 7", "song-2.wav seed 8", "song-3.wav seed 9"], lines.Select(
            line => $"{Path.GetFileName(line.Split(':')[0])} {line.Split(", ")[^1]}"));
    }

    [Fact]
    public async Task A_failed_take_does_not_affect_the_others()
    {
        _command.Engine.Sing = (request, _, _) => request.Seed == 42
            ? Task.FromException<SongResult>(new SongException("no room"))
            : Task.FromResult(FakeSongEngine.Song(request));
        Assert.Equal(ExitCode.SongFailed, await GenerateAsync("--takes", "2", "--out", _folder["song.wav"]));
        Assert.Contains("take 1 of 2: The song could not be made: no room", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(["lyrics.txt", "song-2.wav"], _folder.Files);
    }

    [Theory]
    [InlineData("standard output is for only one", "--out", "-")]
    [InlineData("standard output is for only one", "--return-codes", "-", "--out", "song.wav")]
    [InlineData("which is a folder", "--out", "taken.wav")]
    [InlineData("send a seed of at most", "--seed", "9223372036854775807", "--out", "song.wav")]
    public async Task Takes_that_cannot_be_written_are_refused_before_any_work(string message, params string[] options)
    {
        Directory.CreateDirectory(_folder["taken-2.wav"]);
        var exitCode = await GenerateAsync(
            ["--takes", "2", .. options.Select(option => option.EndsWith(".wav", StringComparison.Ordinal) ? _folder[option] : option)]);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains(message, _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Fact]
    public async Task A_reference_clip_reaches_the_engine()
    {
        Ffmpeg.SkipWithout();
        File.WriteAllBytes(_folder["clip.wav"], TestWav.OfFloats(16_000, 1, TestWav.Sine(16_000, 440, 12)));
        var exitCode = await GenerateAsync(
            "--out", _folder["song.wav"], "--reference", _folder["clip.wav"], "--reference-start", "2", "--reference-end", "10.5");
        Assert.Equal((ExitCode.Success, ""), (exitCode, Faults()));
        var reference = Assert.Single(_command.Engine.Requests).Reference!;
        Assert.Equal((2, 10.5, 0), (reference.StartSeconds, reference.EndSeconds, reference.FirstSecond));
        Assert.Equal(TestWav.Sine(16_000, 440, 12), Assert.Single(reference.Tracks).Samples);
    }

    [Theory]
    [InlineData("The reference clip cannot be read: ", "--reference", "no-such.mp3")]
    [InlineData("--reference: reference.audio is not a supported sound file", "--reference", "lyrics.txt")]
    [InlineData("--reference-instrumental: reference.instrumental is missing", "--reference-vocal", "lyrics.txt")]
    [InlineData(
        "--reference-end: reference.end_seconds is 3 and reference.start_seconds is 4",
        "--reference", "lyrics.txt", "--reference-start", "4", "--reference-end", "3")]
    [InlineData("--reference-separate: ", "--reference", "lyrics.txt", "--reference-separate")]
    public async Task An_invalid_reference_clip_is_reported_under_its_option(string message, params string[] options)
    {
        Ffmpeg.SkipWithout();
        var exitCode = await GenerateAsync(
            ["--out", _folder["song.wav"], .. options.Select(
                option => option.Contains('.', StringComparison.Ordinal) ? _folder[option] : option)]);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains(message, _command.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(_command.Engine.Requests);
    }

    [Fact]
    public async Task Codes_are_written_and_can_be_continued_from()
    {
        File.WriteAllText(_folder["lyrics.txt"], "[verse]\na\n[chorus]\nb\n[outro]\nc");
        Assert.Equal(
            (ExitCode.Success, ""),
            (await GenerateAsync("--out", _folder["draft.wav"], "--stage", "draft", "--return-codes", _folder["codes.json"]), Faults()));
        Assert.Equal(
            ExitCode.Success,
            await GenerateAsync(
                "--out", _folder["song.wav"], "--continue-from", _folder["codes.json"],
                "--target-seconds", "12.5", "--fade-out-seconds", "0"));
        Assert.Equal(
            ExitCode.Success,
            await GenerateAsync(
                "--out", _folder["song.wav"], "--continue-from", _folder["codes.json"], "--replace-section", "2", "--target-seconds", "3"));
        Assert.Equal(
            ExitCode.Success,
            await _command.RunAsync(
                "generate", "--stage", "finish", "--instrumental", "--continue-from", _folder["codes.json"],
                "--reference", _folder["lyrics.txt"], "--out", _folder["song.wav"]));
        Assert.Contains("warning: reference was ignored", _command.Error.ToString(), StringComparison.Ordinal);

        var requests = _command.Engine.Requests.ToArray();
        Assert.Equal((SongScope.Draft, 16_000), (requests[0].Scope, requests[0].Output.SampleRate));
        Assert.Equal([12.5], requests[1].TargetSeconds!);
        Assert.Equal(0, requests[1].Output.FadeOutSeconds);
        Assert.Equal(2, requests[2].ReplaceSection);
        Assert.Equal((SongScope.Finish, true, ""), (requests[3].Scope, requests[3].Instrumental, requests[3].Lyrics));
        Assert.All(requests[1..], request => Assert.Equal(
            FakeSongEngine.Codes.Sections.Select(section => section.ToIds()),
            request.ContinueFrom!.Sections.Select(section => section.ToIds())));
        Assert.Equal(["codes.json", "draft.wav", "lyrics.txt", "song.wav"], _folder.Files);
    }

    [Theory]
    [InlineData("--continue-from: continue_from.sections[0].vocal[1] is 2000", "--continue-from", "bad.json")]
    [InlineData("--continue-from cannot be read: ", "--continue-from", "text.json")]
    [InlineData("--continue-from cannot be read: it contains null", "--continue-from", "null.json")]
    [InlineData("--continue-from cannot be read: ", "--continue-from", "no-such.json")]
    [InlineData("--return-codes is ", "--return-codes", "no-such/codes.json")]
    [InlineData("--return-codes and --out write the same file, ", "--return-codes", "song.wav")]
    public async Task Codes_that_cannot_be_used_are_reported_before_anything_is_sung(string message, string option, string file)
    {
        File.WriteAllText(_folder["bad.json"], """{"model":"en-cot","sections":[{"tag":"verse","vocal":[1,2000],"instrumental":[1,2]}]}""");
        File.WriteAllText(_folder["text.json"], "codes");
        File.WriteAllText(_folder["null.json"], "null");
        Assert.Equal(ExitCode.Usage, await GenerateAsync("--out", _folder["song.wav"], option, _folder[file]));
        Assert.Contains(message, _command.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(_command.Engine.Requests);
    }

    [Theory]
    [InlineData("--lyrics: lyrics is missing")]
    [InlineData("--target-seconds: target_seconds[1] is the text \"x\"", "--instrumental", "--target-seconds", "3,x")]
    [InlineData("--continue-from: continue_from is missing, but stage is \"finish\"", "--stage", "finish")]
    public async Task Missing_and_invalid_values_are_reported_under_their_options(string message, params string[] options)
    {
        Assert.Equal(ExitCode.Usage, await _command.RunAsync(["generate", "--out", _folder["song.wav"], .. options]));
        Assert.Contains(message, _command.Error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("song.mp3", "mp3", false)]
    [InlineData("song.FLAC", "flac", false)]
    [InlineData("song.wav", "RIFF", false)]
    [InlineData("song", "RIFF", true)]
    public async Task The_extension_selects_the_format_and_a_name_without_one_gets_a_warning(string name, string prefix, bool warns)
    {
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", _folder[name]));
        Assert.StartsWith(prefix, File.ReadAllText(_folder[name]), StringComparison.Ordinal);
        Assert.Equal(warns, _command.Error.ToString().Contains($"warning: {name} is written as wav", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_existing_file_is_replaced_only_by_a_complete_song()
    {
        File.WriteAllText(_folder["song.wav"], "old");
        _command.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(new SongException("no prompt fits\nframe #0: native code"));
        Assert.Equal(ExitCode.SongFailed, await GenerateAsync("--out", _folder["song.wav"]));
        Assert.Contains("no prompt fits", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("frame", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(_folder["song.wav"]));

        _command.Engine.Sing = (request, _, _) => Task.FromResult(FakeSongEngine.Song(request));
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", _folder["song.wav"]));
        Assert.StartsWith("RIFF", File.ReadAllText(_folder["song.wav"]), StringComparison.Ordinal);
        Assert.Equal(["lyrics.txt", "song.wav"], _folder.Files);
    }

    [Fact]
    public async Task All_fields_out_of_bounds_are_reported_under_their_options()
    {
        var exitCode = await GenerateAsync(
            "--out", _folder["song.wav"], "--top-p", "3", "--temperature", "NaN", "--max-new-tokens", "1", "--sample-rate", "8000");
        Assert.Equal(ExitCode.Usage, exitCode);
        var error = _command.Error.ToString();
        Assert.Contains("--top-p: sampling.top_p is 3; send a number from 0.01 to 1", error, StringComparison.Ordinal);
        Assert.Contains("--temperature: ", error, StringComparison.Ordinal);
        Assert.Contains("--max-new-tokens: ", error, StringComparison.Ordinal);
        Assert.Contains("--sample-rate: ", error, StringComparison.Ordinal);
        Assert.Empty(_command.Engine.Requests);
    }

    [Theory]
    [InlineData("lyrics.txt", "no-such/song.wav", "but there is no folder")]
    [InlineData("lyrics.txt", ".", "which is a folder: name a file in it, such as ")]
    [InlineData("lyrics.txt", "song.ogg", "'.ogg' is not a supported format: use one of .wav, .flac, .mp3")]
    [InlineData("lyrics.txt", "/proc/song.wav", "--out cannot be written in /proc: ")]
    [InlineData("lyrics.txt", "/dev/null", "--out is /dev/null, ")]
    [InlineData("no-such.txt", "song.wav", "--lyrics")]
    [InlineData("latin1.txt", "song.wav", "latin1.txt is not text in UTF-8. Save the file as UTF-8")]
    [InlineData("utf16.txt", "song.wav", "utf16.txt is not text in UTF-8. Save the file as UTF-8")]
    [InlineData("long.txt", "song.wav", "20000 characters")]
    [InlineData("blank.txt", "song.wav", "is blank")]
    public async Task Files_that_cannot_be_used_are_reported_before_anything_is_sung(string lyrics, string song, string message)
    {
        File.WriteAllBytes(_folder["latin1.txt"], [0x6C, 0xE9, 0x61]);
        File.WriteAllText(_folder["long.txt"], new string('x', 200_000));
        File.WriteAllText(_folder["blank.txt"], " \n");
        File.WriteAllBytes(_folder["utf16.txt"], Encoding.Unicode.GetBytes(Lyrics));
        var exitCode = await _command.RunAsync("generate", "--lyrics", _folder[lyrics], "--out", _folder[song]);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains(message, _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Theory]
    [InlineData("mp3 needs ffmpeg", "song.mp3")]
    [InlineData("flac needs ffmpeg", "-", "--format", "flac")]
    [InlineData("--format wav: give the file the extension .wav", "song.mp3", "--format", "wav")]
    [InlineData("--return-codes is ", "song.wav", "--return-codes", ".")]
    [InlineData("--return-codes cannot be written in /proc", "song.wav", "--return-codes", "/proc/codes.json")]
    [InlineData("--return-codes and --out write the same file, -", "-", "--return-codes", "-")]
    [InlineData("--return-codes and --stems write the same file, ", "song.wav", "--stems", "--return-codes", "song.vocal.wav")]
    [InlineData("--stems is ", "taken.wav", "--stems")]
    [InlineData("--stems writes files next to the song", "-", "--stems")]
    public async Task Output_files_and_tools_are_checked_before_the_engine_starts(string message, string file, params string[] options)
    {
        _command.Encoder.HasFfmpeg = false;
        Directory.CreateDirectory(_folder["taken.vocal.wav"]);
        string InFolder(string name) => name.Contains('.', StringComparison.Ordinal) ? _folder[name] : name;
        Assert.Equal(ExitCode.Usage, await GenerateAsync(["--out", InFolder(file), .. options.Select(InFolder)]));
        Assert.Contains(message, Assert.Single(Messages()), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
        Assert.Equal(["lyrics.txt"], _folder.Files);
    }

    [Fact]
    public async Task A_finished_song_whose_folder_was_deleted_is_saved_elsewhere()
    {
        var target = Directory.CreateDirectory(_folder["songs"]).FullName;
        _command.Engine.Sing = (request, _, _) =>
        {
            Directory.Delete(target);
            return Task.FromResult(FakeSongEngine.Song(request));
        };
        Assert.Equal(
            ExitCode.Failure,
            await GenerateAsync("--out", Path.Combine(target, "song.wav"), "--stems", "--return-codes", _folder["codes.json"]));
        var message = Assert.Single(Messages());
        Assert.StartsWith($"The song could not be written to {target}/song.wav: ", message, StringComparison.Ordinal);
        Assert.Equal(["codes.json", "song.instrumental.wav", "song.vocal.wav", "song.wav"], SavedFiles(message));
    }

    [Fact]
    public async Task A_finished_song_that_standard_output_rejects_is_saved_elsewhere()
    {
        var command = new Command { StandardOutput = new FullStream() };
        Assert.Equal(ExitCode.Failure, await command.RunAsync("generate", "--lyrics", _folder["lyrics.txt"], "--out", "-"));
        var message = command.Error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.StartsWith("The song could not be written to -: the disk is full. It is saved as ", message, StringComparison.Ordinal);
        Assert.Equal(["song.wav"], SavedFiles(message));
    }

    [Fact]
    public async Task A_finished_song_that_ffmpeg_fails_to_encode_is_saved_as_wav()
    {
        var files = 0;
        _command.Encoder.Prepare = _ => files++ == 0 ? Task.FromException(new SongException("ffmpeg failed")) : Task.CompletedTask;
        Assert.Equal(ExitCode.Failure, await GenerateAsync("--out", _folder["song.mp3"]));
        var message = Assert.Single(Messages());
        Assert.Contains("song.mp3: ffmpeg failed. It is saved as ", message, StringComparison.Ordinal);
        Assert.Equal(["song.wav"], SavedFiles(message));
        Assert.Equal(["lyrics.txt"], _folder.Files);
    }

    [Fact]
    public async Task A_dash_writes_the_song_to_standard_output_and_everything_else_to_standard_error()
    {
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", "-"));
        var song = ((MemoryStream)_command.StandardOutput).ToArray();
        Assert.Equal(4_410, WavFile.Parse(song).Interleaved.Length);
        Assert.Equal("", _command.Output.ToString());
        Assert.Contains("-: 0.1 s of audio", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(["lyrics.txt"], _folder.Files);
        Assert.False(File.Exists("-"));
    }

    [Theory]
    [InlineData("utf-8", true)]
    [InlineData("utf-16", true)]
    [InlineData("utf-16BE", true)]
    [InlineData("utf-8", false)]
    public async Task Lyrics_may_be_utf_8_or_have_a_byte_order_mark(string name, bool hasMark)
    {
        var encoding = Encoding.GetEncoding(name);
        File.WriteAllBytes(_folder["lyrics.txt"], [.. hasMark ? encoding.GetPreamble() : [], .. encoding.GetBytes(Lyrics)]);
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", _folder["song.wav"]));
        Assert.Equal(Lyrics, Assert.Single(_command.Engine.Requests).Lyrics);
    }

    [Theory]
    [InlineData("--seed", "abc", "whole number")]
    [InlineData("--seed", "9223372036854775808", "whole number")]
    [InlineData("--top-k", "1.5", "whole number")]
    [InlineData("--run-n-segments", "99999999999", "whole number")]
    [InlineData("--top-p", "high", "number from 0.01 to 1")]
    public async Task The_error_about_a_value_that_is_not_a_number_says_what_is_expected(string option, string value, string expected)
    {
        Assert.Equal(ExitCode.Usage, await GenerateAsync("--out", _folder["song.wav"], option, value));
        var message = Assert.Single(Messages());
        Assert.StartsWith($"{option}: ", message, StringComparison.Ordinal);
        Assert.Contains(value, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_genre_that_is_a_number_stays_text()
    {
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", _folder["song.wav"], "--genre", "1985"));
        Assert.Equal("1985", Assert.Single(_command.Engine.Requests).Genre);
    }

    [Fact]
    public async Task Models_that_do_not_load_are_reported_with_the_reason()
    {
        _command.Engine.Status = new EngineStatus { State = EngineState.Failed, Failure = "config.json is missing" };
        Assert.Equal(ExitCode.EngineFailed, await GenerateAsync("--out", _folder["song.wav"]));
        Assert.Contains("config.json is missing", _command.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_song_waits_for_the_models()
    {
        var ready = _command.Engine.Status;
        _command.Engine.Status = new EngineStatus { State = EngineState.Loading, Loading = "stage 2", Percent = 40 };
        var song = GenerateAsync("--out", _folder["song.wav"]);
        await Eventually.TrueAsync(() => _command.Error.ToString().Contains(" 40 % loading: stage 2", StringComparison.Ordinal));
        Assert.Empty(_command.Engine.Requests);
        _command.Engine.Status = ready;
        Assert.Equal(ExitCode.Success, await song);
    }

    [Fact]
    public async Task Without_a_terminal_progress_is_written_as_lines()
    {
        var step = new SemaphoreSlim(0);
        _command.Engine.Sing = async (request, progress, cancel) =>
        {
            progress!.Report(new SongProgress(SongStage.Stage1, 2, 3, 50, 100, 0.25));
            await step.WaitAsync(cancel);
            progress.Report(new SongProgress(SongStage.Decode, 0, 3, 1, 2, 0.9));
            await step.WaitAsync(cancel);
            return FakeSongEngine.Song(request, "output clipped");
        };
        var song = GenerateAsync("--out", _folder["song.wav"]);
        await Eventually.TrueAsync(
            () => _command.Error.ToString().Contains(" 25 % singing section 2 of 3, about", StringComparison.Ordinal));
        step.Release();
        await Eventually.TrueAsync(() => _command.Error.ToString().Contains(" 90 % decoding", StringComparison.Ordinal));
        step.Release();
        Assert.Equal(ExitCode.Success, await song);
        Assert.Contains("warning: output clipped", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', _command.Error.ToString());
    }

    [Fact]
    public async Task The_use_of_the_demo_model_is_reported()
    {
        _command.Engine.Status = _command.Engine.Status with { IsDemo = true };
        Assert.Equal(ExitCode.Success, await GenerateAsync("--out", _folder["song.wav"]));
        Assert.Contains("demo model", _command.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_stops_the_song_and_leaves_no_file()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _command.Engine.Sing = async (request, _, cancel) =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite, cancel);
            return FakeSongEngine.Song(request);
        };
        using var stop = new CancellationTokenSource();
        var song = _command.RunUntilAsync(stop.Token, "generate", "--lyrics", _folder["lyrics.txt"], "--out", _folder["song.wav"]);
        await started.Task.WaitAsync(TestContext.Current.CancellationToken);
        await stop.CancelAsync();
        Assert.Equal(ExitCode.Cancelled, await song);
        Assert.Equal(["lyrics.txt"], _folder.Files);
    }

    [Fact]
    public async Task A_score_file_is_followed_and_the_songs_score_is_written()
    {
        const string Score = "X:1\nK:C\nCDEF|\n";
        _command.Engine.Status = _command.Engine.Status with { SongModels = [new("yue2", ModelFamilies.Descriptions[1])] };
        _command.Engine.Sing = (request, _, _) => Task.FromResult(FakeSongEngine.Song(request) with { Score = request.Score });
        File.WriteAllText(_folder["given.abc"], Score);
        var exitCode = await GenerateAsync(
            "--score", _folder["given.abc"], "--plan", "melody", "--out", _folder["song.wav"], "--score-out", _folder["sung.abc"]);
        Assert.Equal((ExitCode.Success, ""), (exitCode, Faults()));
        var request = Assert.Single(_command.Engine.Requests);
        Assert.Equal((Score, ScorePlan.Melody), (request.Score, request.Plan));
        Assert.Equal(Score, File.ReadAllText(_folder["sung.abc"]));
    }

    [Fact]
    public async Task A_score_file_that_cannot_be_used_is_reported()
    {
        Assert.Equal(ExitCode.Usage, await GenerateAsync("--score", _folder["none.abc"], "--out", _folder["song.wav"]));
        Assert.Contains("--score cannot be read: ", Faults(), StringComparison.Ordinal);

        File.WriteAllText(_folder["given.abc"], "X:1\n");
        Assert.Equal(ExitCode.Usage, await GenerateAsync("--score", _folder["given.abc"], "--out", _folder["song.wav"]));
        Assert.Contains("--score: ", Faults(), StringComparison.Ordinal);
        Assert.Empty(_command.Engine.Requests);
    }

    private Task<int> GenerateAsync(params string[] options) =>
        _command.RunAsync(["generate", "--lyrics", _folder["lyrics.txt"], .. options]);

    /// <summary>Returns the lines on standard error, except the progress lines.</summary>
    private IEnumerable<string> Messages() =>
        _command.Error.ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.Contains(" % ", StringComparison.Ordinal));

    /// <summary>Returns the names of the files in the folder of the saved song that a message names, and deletes the folder.</summary>
    private static IEnumerable<string> SavedFiles(string message)
    {
        var folder = Path.GetDirectoryName(message[(message.LastIndexOf(' ') + 1)..].TrimEnd('.'))!;
        var files = Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        Directory.Delete(folder, recursive: true);
        return files!;
    }

    /// <summary>A stream that fails as if the disk were full.</summary>
    private sealed class FullStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new IOException("No space left on device", 28);
    }

    /// <summary>Returns the text on standard error, except the progress lines.</summary>
    private string Faults() => string.Concat(
        _command.Error.ToString().Split('\n').Where(line => line.Length > 0 && !line.Contains(" % ", StringComparison.Ordinal)));
}
