using System.CommandLine;
using System.Text.Json.Nodes;
using Yue.Engine.Scheduling;

namespace YueService.CommandLine;

/// <summary><c>yue demo</c>: makes a song from sample lyrics with the built-in model, to show that everything works.</summary>
internal static class DemoCommand
{
    /// <summary>The lyrics that are sung.</summary>
    internal const string Lyrics = """
        [verse]
        Morning light on the river road
        I hear the summer sing

        [chorus]
        Stay with me until the stars
        Take us under their wing
        """;

    public static Command Create(SettingOptions settings, Action<IServiceCollection> configure, Stream? standardOutput)
    {
        var file = new Option<string>("--out", "-o")
        {
            HelpName = "FILE|-",
            Description = "The song's file, replaced if it exists; - is standard output",
            DefaultValueFactory = _ => "song.wav",
        };
        var demo = new Command("demo", "Makes song.wav from sample lyrics with the built-in demo model")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        demo.Options.Add(file);
        demo.SetAction((line, cancel) => GenerateCommand.RunAsync(
            line.InvocationConfiguration,
            settings.Read(line),
            Song(line.GetRequiredValue(file)),
            services =>
            {
                configure(services);
                services.PostConfigure<EngineOptions>(UseDemoModel);
            },
            standardOutput,
            cancel));
        return demo;
    }

    private static GenerateArguments Song(string file)
    {
        var fields = new JsonObject { ["lyrics"] = Lyrics, ["genre"] = "folk guitar female bright 100 bpm" };
        return new(
            LyricsFile: null,
            file,
            CodesFile: null,
            ScoreFile: null,
            ScoreOutFile: null,
            ContinueFile: null,
            fields,
            ClipFiles: [],
            IsPlayed: false);
    }

    /// <summary>Clears the settings of any configured checkpoints, so that the demo model is used.</summary>
    private static void UseDemoModel(EngineOptions options)
    {
        options.Stage1.Clear();
        (options.Stage2, options.Codec, options.Tokenizer, options.Vae) = (null, null, null, null);
    }
}
