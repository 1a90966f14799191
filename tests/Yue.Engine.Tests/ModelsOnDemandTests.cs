using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>Tests an engine that has the demo checkpoint under two names and memory for only one language model at a time.</summary>
public sealed class ModelsOnDemandTests
{
    [Fact]
    public async Task Models_take_turns_and_songs_are_the_same_as_with_all_in_memory()
    {
        var files = DemoModel.Folders;
        var roomy = await SingAsync(files, megabytes: 0);
        var tight = await SingAsync(files, MegabytesForOneModel(files));

        Assert.Equal([true, true, true], roomy.InMemory);
        Assert.Equal([false, false, true], tight.InMemory);     // stage 2 was needed last
        Assert.Equal(["a", "b"], tight.Songs.Select(song => song.Model));
        Assert.Equal(roomy.Songs.Select(song => song.Mix.Samples), tight.Songs.Select(song => song.Mix.Samples));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Early_sound_is_supported_if_both_language_models_fit_in_memory(bool takeTurns)
    {
        using var engine = Engine(DemoModel.Folders, takeTurns ? MegabytesForOneModel(DemoModel.Folders) : 0);
        Assert.Empty(engine.Status.SongModels);
        engine.Start();
        await engine.Loaded;
        Assert.All(
            engine.Status.SongModels,
            model => Assert.Equal(!takeTurns, model.Family.Capabilities.Contains(SongCapability.EarlySound)));
        Assert.Equal(2, engine.Status.SongModels.Count);
        await engine.DrainAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task The_sound_of_a_song_starts_after_stage_1_if_models_take_turns()
    {
        var request = DemoEngine.OneSecond() with { RunNSegments = 1, TargetSeconds = [7], Model = "a" };
        var (roomy, tight) = (new SoundListener(), new SoundListener());
        var expected = await SingAsync(DemoModel.Folders, 0, request, roomy);
        var actual = await SingAsync(DemoModel.Folders, MegabytesForOneModel(DemoModel.Folders), request, tight);

        Assert.Equal(expected.Mix.Samples, actual.Mix.Samples);
        roomy.AssertHeard(expected);
        tight.AssertHeard(actual);
        Assert.True(tight.FirstSoundSeconds > actual.Timings.Stage1Seconds);
    }

    [Fact]
    public async Task A_model_larger_than_the_allowed_memory_is_refused_at_start()
    {
        using var engine = Engine(DemoModel.Folders, megabytes: 1);
        engine.Start();
        var error = await Assert.ThrowsAsync<NotSupportedException>(() => engine.Loaded);
        Assert.Contains("DeviceMemoryMegabytes allows only 1", error.Message, StringComparison.Ordinal);
    }

    private static async Task<(IReadOnlyList<SongResult> Songs, IEnumerable<bool> InMemory)> SingAsync(
        DemoModelFolders files, int megabytes)
    {
        using var engine = Engine(files, megabytes);
        engine.Start();
        await engine.Loaded;
        var songs = await Task.WhenAll(
            new[] { "a", "b" }.Select(model => DemoEngine.SingAsync(engine, DemoEngine.OneSecond() with { Model = model })));
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        return (songs, engine.Status.Models.Where(model => model.Role is "stage1" or "stage2").Select(model => model.Loaded));
    }

    private static async Task<SongResult> SingAsync(DemoModelFolders files, int megabytes, SongRequest request, SoundListener listener)
    {
        using var engine = Engine(files, megabytes);
        engine.Start();
        await engine.Loaded;
        listener.Start();
        var song = await DemoEngine.SingAsync(engine, request, listener: listener);
        await engine.DrainAsync(TestContext.Current.CancellationToken);
        return song;
    }

    private static int MegabytesForOneModel(DemoModelFolders files)
    {
        string[] folders = [files.Stage1, files.Stage2];
        return (int)(folders.Max(folder => sizeof(float) * LlamaConfig.Load(folder).Parameters) >> 20) + 1;
    }

    private static YueEngine Engine(DemoModelFolders files, int megabytes)
    {
        var options = new EngineOptions { Stage2 = files.Stage2, Codec = files.Codec, Device = "cpu", DeviceMemoryMegabytes = megabytes };
        options.Stage1.Add("a", files.Stage1);
        options.Stage1.Add("b", files.Stage1);
        return DemoEngine.Create(options);
    }
}
