using System.Collections.Concurrent;
using Xunit;
using Yue.Cuda;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;
using static Yue.Engine.Tests.Yue2.Yue2Requests;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Tests YuE 2 in the engine, alone and together with YuE 1, using the goldens' checkpoint.</summary>
[Trait("Category", Yue2Goldens.Category)]
public sealed class Yue2EngineTests : IAsyncLifetime
{
    private const int Second = (25 * 1920) - 64;

    /// <summary>A context length that has room for only a few dozen tokens of score.</summary>
    private const int ShortContext = 200;

    private readonly DemoEngine _engine = Create(new EngineOptions { SongsAtOnce = 2, ContextTokens = ShortContext });

    public ValueTask InitializeAsync() => _engine.InitializeAsync();

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task A_song_gets_a_score_and_then_stereo_sound_at_48_kHz()
    {
        var progress = new Recorder();
        var song = await _engine.Submit(OneSecond(), progress);
        Assert.Equal((48_000, 2, Second), (song.Mix.SampleRateHz, song.Mix.Channels, song.Mix.Length));
        Assert.Equal((Name, 1), (song.Model, song.Seed));
        Assert.False(string.IsNullOrEmpty(song.Score));
        Assert.Empty(song.Codes.Sections);
        Assert.Contains(song.Warnings, warning => warning.Contains("the song was cut", StringComparison.Ordinal));

        SongProgress[] seen = [.. progress.Seen];
        Assert.Equal([SongStage.Score, SongStage.Music, SongStage.Flow, SongStage.Decode], seen.Select(value => value.Stage).Distinct());
        Assert.Equal(seen.Select(value => value.Fraction).Order(), seen.Select(value => value.Fraction));
        Assert.Equal(1, seen[^1].Fraction, 9);
        Assert.All(seen, value => Assert.Equal(value.Stage == SongStage.Score ? null : song.Score, value.Score));
        Assert.Contains(seen, value => value is { Stage: SongStage.Music, Done: 0, Score: not null });
    }

    [Theory]
    [InlineData(ScorePlan.Melody, "X:1\nK:C\nCDEF|")]
    [InlineData(ScorePlan.Full, "no abc at all")]
    [InlineData(ScorePlan.Off, null)]
    public async Task A_song_uses_a_given_score_or_none(ScorePlan plan, string? score)
    {
        var request = OneSecond() with { Plan = plan, Score = score };
        var progress = new Recorder();
        var song = await _engine.Submit(request, progress);
        Assert.Equal(score, song.Score);
        Assert.DoesNotContain(progress.Seen, value => value.Stage == SongStage.Score);
        Assert.Equal(score == "no abc at all", song.Warnings.Any(warning => warning.Contains("may not be ABC", StringComparison.Ordinal)));
        Assert.Equal(song.Mix.Samples, (await _engine.Submit(request)).Mix.Samples);
        Assert.NotEqual(song.Mix.Samples, (await _engine.Submit(request with { Seed = 2 })).Mix.Samples);
    }

    [Fact]
    public async Task Songs_of_both_families_are_the_same_alone_and_together()
    {
        await using var engine = Create(Both(new EngineOptions { SongsAtOnce = 3 }));
        await engine.InitializeAsync();
        var (yue2, other) = (Given(), Given() with { Seed = 7, Plan = ScorePlan.Off, Score = null });
        var (alone, otherAlone) = (await engine.Submit(yue2), await engine.Submit(other));
        var yue1Alone = await engine.Submit(DemoEngine.OneSecond());
        var (first, second, yue1) = (engine.Submit(yue2), engine.Submit(other), engine.Submit(DemoEngine.OneSecond()));
        Assert.Equal(alone.Mix.Samples, (await first).Mix.Samples);
        Assert.Equal(otherAlone.Mix.Samples, (await second).Mix.Samples);
        Assert.Equal(yue1Alone.Mix.Samples, (await yue1).Mix.Samples);
        Assert.Equal([("demo", "yue1"), (Name, "yue2")], engine.Engine.Status.SongModels.Select(model => (model.Name, model.Family.Name)));
        Assert.Contains(engine.Engine.Status.Models, model => model is { Name: Name, Loaded: true, Parameters: > 0 });
    }

    [Fact]
    public async Task A_request_for_only_a_score_gives_no_sound()
    {
        var song = await _engine.Submit(OneSecond() with { Scope = SongScope.Score, TargetSeconds = null });
        Assert.False(string.IsNullOrEmpty(song.Score));
        Assert.Empty(song.Mix.Samples);
        Assert.Equal(SongScope.Score, song.Scope);
    }

    [Fact]
    public async Task A_score_that_is_cut_at_its_limit_is_used_with_a_warning()
    {
        const string Cut = "the score was cut at its limit of ";
        static bool IsCut(string warning) => warning.StartsWith(Cut, StringComparison.Ordinal);
        var song = await _engine.Submit(OneSecond() with { TargetSeconds = [3] });
        Assert.False(string.IsNullOrEmpty(song.Score));
        Assert.Matches($"^{Cut}[0-9]+ tokens, and is used as it is$", Assert.Single(song.Warnings, IsCut));
        Assert.DoesNotContain((await _engine.Submit(Given())).Warnings, IsCut);
    }

    [Theory]
    [InlineData(SongStage.Score)]
    [InlineData(SongStage.Music)]
    [InlineData(SongStage.Flow)]
    [InlineData(SongStage.Decode)]
    public async Task A_song_can_be_cancelled_in_every_stage(SongStage stage)
    {
        using var cancel = new CancellationTokenSource();
        var song = _engine.Submit(OneSecond(), new ActAt(stage, cancel.Cancel), cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => song);
        Assert.Equal(Second, (await _engine.Submit(Given())).Mix.Length);
    }

    [Theory]
    [InlineData(SongStage.Score)]
    [InlineData(SongStage.Music)]
    [InlineData(SongStage.Flow)]
    [InlineData(SongStage.Decode)]
    public async Task A_device_that_is_lost_in_any_stage_ends_the_engine(SongStage stage)
    {
        var song = _engine.Submit(OneSecond(), new ActAt(
            stage, () => throw new CudaException(700, "CUDA_ERROR_ILLEGAL_ADDRESS", "cuStreamSynchronize")));
        await Assert.ThrowsAsync<EngineDeadException>(() => song);
        Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS", await _engine.Engine.Lost, StringComparison.Ordinal);
        Assert.Equal(EngineState.Failed, _engine.Engine.Status.State);
    }

    [Fact]
    public async Task A_listener_hears_exactly_the_finished_song()
    {
        var listener = new SoundListener();
        var song = await _engine.SubmitHeard(Given(), listener);
        Assert.All(listener.Sounds, sound => Assert.Equal((48_000, 2), (sound.SampleRateHz, sound.Channels)));
        Assert.Equal(song.Mix.Samples, listener.Sounds.SelectMany(sound => sound.Mix));
        Assert.Equal([.. Enumerable.Repeat(false, listener.Sounds.Count - 1), true], listener.Sounds.Select(sound => sound.IsEnd));
    }

    [Fact]
    public async Task A_truncated_song_fades_out_unless_fading_is_off()
    {
        var (faded, plain) = (await _engine.Submit(Given()), await _engine.Submit(Given() with { Output = new() { FadeOutSeconds = 0 } }));
        Assert.Equal(plain.Mix.Samples[..Second], faded.Mix.Samples[..Second]);
        Assert.All(faded.Mix.Samples[^2..], sample => Assert.Equal(0, sample));
        Assert.Contains(plain.Mix.Samples[^2..], sample => sample != 0);
        Assert.Contains("the song was cut at its limit: the last 0.5 s are faded out (output.fade_out_seconds)", faded.Warnings);
        Assert.Contains("the song was cut at its limit: its end is abrupt, because output.fade_out_seconds is 0", plain.Warnings);
    }

    [Fact]
    public async Task A_score_that_is_too_long_for_the_context_is_refused()
    {
        var error = await Assert.ThrowsAsync<SongRequestException>(
            () => _engine.Submit(Given() with { Score = string.Concat(Enumerable.Repeat("C D E F|", ShortContext)) }));
        Assert.Contains($"{ShortContext}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lyrics")]
    [InlineData("genre")]
    [InlineData("score")]
    public async Task Text_too_long_for_the_context_is_reported_before_the_song_begins(string field)
    {
        var text = string.Concat(Enumerable.Repeat("la ", ShortContext));
        var request = field switch
        {
            "lyrics" => Given() with { Lyrics = text },
            "genre" => OneSecond() with { Genre = text },
            _ => Given() with { Score = text },
        };
        var fault = _engine.Engine.Measure(request)!.Fault!;
        Assert.Equal(("prompt_too_long", field), (fault.Code, fault.Field));
        Assert.Contains($"the model's context holds {ShortContext}", fault.Message, StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<SongRequestException>(() => _engine.Submit(request));
        Assert.Equal(fault.Message, error.Message);
    }

    [Fact]
    public async Task An_instrumental_song_moves_the_melody_or_is_made_without_a_score()
    {
        const string Score = "K:C\n% verse\nV: Vocal\nC16|\nV: Ins\nZ|\n";
        var moved = await _engine.Submit(Given() with { Instrumental = true, Score = Score });
        Assert.Equal("K:C\n% verse\nV: Vocal\nZ|\nV: Ins\nC16|\n", moved.Score);

        var unreadable = await _engine.Submit(Given() with { Instrumental = true, Score = "K:C\nla la" });
        Assert.Null(unreadable.Score);
        Assert.Contains(unreadable.Warnings, warning => warning.StartsWith("instrumental: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Latents_that_are_not_finite_fail_only_their_song()
    {
        await using var engine = Changed(
            OnCpu(new EngineOptions { SongsAtOnce = 2 }), model => model with { Flow = new BrokenFlow(model.Flow) });
        await engine.InitializeAsync();
        var broken = engine.Submit(Given() with { Sampling = FlowSteps(BrokenFlow.Steps) });
        Assert.Contains("not finite", (await Assert.ThrowsAsync<SongException>(() => broken)).Message, StringComparison.Ordinal);
        Assert.Equal(Second, (await engine.Submit(Given())).Mix.Length);
    }

    [Fact]
    public async Task Songs_that_wait_for_room_in_the_decoder_are_unchanged()
    {
        await using var engine = Changed(
            OnCpu(new EngineOptions { SongsAtOnce = 3, ContextTokens = ShortContext }),
            model => model with { Decoder = new NarrowDecoder(model.Decoder) });
        await engine.InitializeAsync();
        SongRequest[] requests = [OneSecond(), Given(), OneSecond() with { Seed = 2 }];
        var together = await Task.WhenAll(requests.Select(request => engine.Submit(request)));
        foreach (var (request, song) in requests.Zip(together))
        {
            Assert.Equal((await engine.Submit(request)).Mix.Samples, song.Mix.Samples);
        }
    }

    [Fact]
    public async Task A_missing_decoder_or_a_folder_without_one_makes_startup_fail()
    {
        Assert.Contains("Vae is not set", await StartFault(options => options.Vae = null), StringComparison.Ordinal);
        var other = await StartFault(options => options.Vae = Yue2Goldens.PathOf("tokenizer"));
        Assert.Contains("config.json", other, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"hidden_size\": 128", "\"hidden_size\": 256")]
    [InlineData("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4")]
    public async Task A_checkpoint_that_does_not_match_its_config_makes_startup_fail(string value, string other)
    {
        using var folder = new TemporaryFolder();
        Link(
            Yue2Goldens.LanguageModelFolder, folder, "config.json", config => config.Replace(value, other, StringComparison.Ordinal));
        var fault = await StartFault(options => options.Stage1[Name] = folder.Path);
        Assert.Contains("model.", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "\"model.safetensors\": {\"bytes\": 7261441640}", "weights_manifest.json says 7261441640")]
    [InlineData(false, "\"model.safetensors\": {\"bytes\": 530512720}", "weights_manifest.json says 530512720")]
    [InlineData(true, "\"missing.safetensors\": {\"bytes\": 1}", "the file does not exist, but weights_manifest.json lists it")]
    [InlineData(true, "\"model.safetensors\": {}", "model.safetensors: \"bytes\" is missing or not a whole number")]
    [InlineData(true, "\"model.safetensors\": 1", "model.safetensors: \"bytes\" is missing or not a whole number")]
    [InlineData(true, "\"model.safetensors\": {\"bytes\": \"1\"}", "model.safetensors: \"bytes\" is missing or not a whole number")]
    public async Task Weights_that_do_not_match_their_manifest_make_startup_fail(bool isLanguageModel, string file, string named)
    {
        using var folder = new TemporaryFolder();
        var manifest = $"{{\"schema\": 1, \"files\": {{{file}}}}}";
        var checkpoint = isLanguageModel ? Yue2Goldens.LanguageModelFolder : Yue2Goldens.PathOf("YuE2-Vae");
        Link(checkpoint, folder, "weights_manifest.json", _ => manifest);
        var fault = await StartFault(options =>
        {
            if (isLanguageModel)
            {
                options.Stage1[Name] = folder.Path;
            }
            else
            {
                options.Vae = folder.Path;
            }
        });
        Assert.Contains(named, fault, StringComparison.Ordinal);
    }

    /// <summary>Fills a folder with links to the files of a checkpoint, and with a changed copy of one of them.</summary>
    private static void Link(string checkpoint, TemporaryFolder folder, string changed, Func<string, string> change)
    {
        foreach (var file in Directory.EnumerateFiles(checkpoint))
        {
            var name = Path.GetFileName(file);
            if (name == changed)
            {
                File.WriteAllText(folder[name], change(File.ReadAllText(file)));
            }
            else
            {
                File.CreateSymbolicLink(folder[name], file);
            }
        }
    }

    private static async Task<string> StartFault(Action<EngineOptions> change)
    {
        var options = OnCpu(new EngineOptions());
        change(options);
        await using var engine = new DemoEngine(options);
        return (await Assert.ThrowsAnyAsync<Exception>(async () => await engine.InitializeAsync())).Message;
    }

    private static DemoEngine Create(EngineOptions options) => new(OnCpu(options));

    private static EngineOptions OnCpu(EngineOptions options)
    {
        options.Device = "cpu";
        return Options(options);
    }

    private static EngineOptions Both(EngineOptions options)
    {
        options.Stage1["demo"] = DemoModel.Folders.Stage1;
        (options.Stage2, options.Codec) = (DemoModel.Folders.Stage2, DemoModel.Folders.Codec);
        return options;
    }

    private sealed class Recorder : IProgress<SongProgress>
    {
        public ConcurrentQueue<SongProgress> Seen { get; } = [];

        public void Report(SongProgress value) => Seen.Enqueue(value);
    }
}
