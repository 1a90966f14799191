using System.CommandLine;
using Yue.Engine;

namespace YueService.CommandLine;

/// <summary><c>yue demo</c>: a song from sample lyrics with the built-in model, to see that everything works.</summary>
internal static class DemoCommand
{
    /// <summary>What is sung.</summary>
    internal const string Lyrics = """
        [verse]
        Morning light on the river road
        I hear the summer sing

        [chorus]
        Stay with me until the stars
        Take us under their wing
        """;

    public static Command Create(SettingOptions settings, Action<IServiceCollection> configure)
    {
        var file = new Option<string>("--out", "-o")
        {
            HelpName = "FILE",
            Description = "The song's file; replaced when it exists",
            DefaultValueFactory = _ => "song.wav",
        };
        var demo = new Command("demo", "Makes song.wav from sample lyrics with the built-in demo model");
        demo.Options.Add(file);
        demo.SetAction((line, cancel) => RunAsync(line, settings, line.GetRequiredValue(file), configure, cancel));
        return demo;
    }

    private static async Task<int> RunAsync(
        ParseResult line, SettingOptions options, string file, Action<IServiceCollection> configure, CancellationToken cancel)
    {
        if (await CommandSettings.ReadAsync(line, options) is not { } settings)
        {
            return ExitCode.Usage;
        }

        var lyrics = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(lyrics, Lyrics, cancel);
            string[] arguments =
            [
                "generate", "--lyrics", lyrics, "--genre", "folk guitar female bright 100 bpm", "--out", file,
                .. settings.Values.Select(setting => $"--{setting.Key}={setting.Value}"),
            ];
            return await YueCommandLine.RunAsync(
                arguments,
                services =>
                {
                    configure(services);
                    services.PostConfigure<EngineOptions>(UseDemoModel);
                },
                line.InvocationConfiguration.Output,
                line.InvocationConfiguration.Error,
                cancel);
        }
        finally
        {
            File.Delete(lyrics);
        }
    }

    /// <summary>Leaves out the checkpoints that may be configured.</summary>
    private static void UseDemoModel(EngineOptions options)
    {
        options.Stage1.Clear();
        (options.Stage2, options.Codec, options.Tokenizer) = (null, null, null);
    }
}
